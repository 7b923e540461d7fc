"""Readers of the data sets of recognition."""
