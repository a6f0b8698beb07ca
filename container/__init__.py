"""What runs inside an image: reads /opt/ml, runs an algorithm, leaves a model or a failure. Never imports tuner."""
