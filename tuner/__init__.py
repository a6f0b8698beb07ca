"""What drives containers from outside."""
