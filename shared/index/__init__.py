"""Similarity search over vectors, on faiss; see `shared.index.vector_index`.

The package imports nothing here: pages read galleries before they load faiss.
"""
