"""A trained model behind HTTP, in its container, as SageMaker hosts it."""
