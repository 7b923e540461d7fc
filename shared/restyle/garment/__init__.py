"""Garments: clean borders, new colors, fabrics and palettes."""
