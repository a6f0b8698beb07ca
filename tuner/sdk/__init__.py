"""The same from Python, with the names people know from the official SageMaker SDK."""
