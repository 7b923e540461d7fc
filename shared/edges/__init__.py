"""Edges: Relaxed Deep Supervision (Liu and Lew, CVPR 2016), its baselines, training and benchmark."""
