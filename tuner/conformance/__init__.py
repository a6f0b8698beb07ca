"""`algodock check`: whether an image keeps the container contract, found out by running it."""
