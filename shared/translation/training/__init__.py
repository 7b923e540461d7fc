"""Training of image translation."""
