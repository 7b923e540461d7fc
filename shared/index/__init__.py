"""The door for similarity search: `VectorIndex` and what it is made of; see `vector_index.py`."""

from shared.index.file import IndexFileError
from shared.index.vector_index import INDEX_TYPES, VectorIndex

__all__ = ["INDEX_TYPES", "IndexFileError", "VectorIndex"]
