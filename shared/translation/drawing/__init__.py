"""Drawings: photos to pencil and ink, and drawings to colored images."""
