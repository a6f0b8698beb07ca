"""The search: pure functions of a space, the trials so far, and a random generator."""
