"""Colorization of grey images."""
