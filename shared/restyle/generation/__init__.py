"""Clothes painted by large models: those of another photo, and those that words describe."""
