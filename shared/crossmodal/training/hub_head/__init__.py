"""Training of RRF-Net on the frozen features of a network of the Hub."""
