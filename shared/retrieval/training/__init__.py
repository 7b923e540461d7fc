"""Training of backbones, whitening, visual words and confidence for retrieval."""
