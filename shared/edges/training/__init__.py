"""Training of edge detectors: label maps, examples, random crops and losses."""
