"""Readers of the data sets of image retrieval, and synthetic descriptors."""
