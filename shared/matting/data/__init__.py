"""Readers of masks of subjects, and training examples."""
