"""Readers of images with texts."""
