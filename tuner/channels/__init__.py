"""The data of a channel, from where it lies on this host to the bytes that a container reads."""
