"""Outfit swaps: a person wears the garments of another photo (SwapGAN)."""
