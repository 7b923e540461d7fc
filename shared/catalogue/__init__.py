"""Catalogue of the engines of all capabilities that come from the Hugging Face Hub."""
