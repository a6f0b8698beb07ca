"""One training job from its request to its outcome."""
