"""The serving side of `algodock check`: containers that serve, what they are asked, and what is made of the answers."""
