"""The door for similarity search: `VectorIndex` and what it is made of; see `vector_index.py`."""

from shared.core.index.vector_index import KINDS, VectorIndex
from shared.core.index_file import IndexFileError

__all__ = ["KINDS", "IndexFileError", "VectorIndex"]
