"""Training of the decoder that writes sentences about images."""
