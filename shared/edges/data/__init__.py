"""Readers of the public data sets of edge detection."""
