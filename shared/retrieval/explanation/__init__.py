"""Explanations of retrieval: matching regions of two images."""
