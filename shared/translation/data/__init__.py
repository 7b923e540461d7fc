"""Data sets of image translation."""
