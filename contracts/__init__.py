"""The SageMaker container contract as values: what an image and its platform agree on. No I/O, no dependencies."""
