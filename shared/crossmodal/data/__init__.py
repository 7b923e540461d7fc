"""Readers of images with texts, and the data of a training."""
