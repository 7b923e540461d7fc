"""Retrieval: search a gallery by image, with global descriptors, DeepIndex, or color histograms."""
