"""Matting: the main subject of a photo as an alpha mask, and cut out with its own colors."""
