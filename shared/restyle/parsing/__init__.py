"""Clothes parsing: what a person in a photo wears, pixel by pixel."""
