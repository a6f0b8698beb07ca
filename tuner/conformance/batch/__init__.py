"""The batch transform side of `algodock check`: a container that is asked as a transform job asks."""
