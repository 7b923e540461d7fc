"""Training of edge detectors: data, crops, label maps."""
