"""Lifelong image retrieval: the embedding network, losses against forgetting, and images from statistics."""
