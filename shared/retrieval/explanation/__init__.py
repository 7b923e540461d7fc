"""Explanation of a match: the regions and heat maps behind its score."""
