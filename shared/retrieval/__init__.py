"""Retrieval: find pictures by a picture, with DeepIndex, global signatures and one vector index."""
