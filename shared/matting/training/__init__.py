"""Training of the matting network from true masks and the masks of public networks."""
