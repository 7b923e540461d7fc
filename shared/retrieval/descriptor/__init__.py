"""Global descriptors: extraction, pooling, whitening, re-ranking."""
