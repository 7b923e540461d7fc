"""Readers of photos with labels of clothes."""
