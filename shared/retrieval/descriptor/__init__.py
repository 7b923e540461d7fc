"""Global descriptors: backbones, pooling, whitening, extraction, re-ranking."""
