"""Training of the pose network from joints that public networks agree on."""
