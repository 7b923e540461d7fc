"""Explanations of image-text matches: heat maps and word weights."""
