"""Batch transform: the objects of an input go through a model's container, and come out as objects of an output."""
