"""Explanations of image-text matches: heat maps, word contributions and the deletion test."""
