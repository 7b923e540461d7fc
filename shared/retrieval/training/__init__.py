"""Training of what retrieval learns: backbones, whitening, calibration, visual words."""
