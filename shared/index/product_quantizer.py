"""Product quantisation: a vector as up to 88 bytes, each of which names one of 256 centroids of a sub-vector.

Jegou, Douze and Schmid, "Product quantization for nearest neighbor search", TPAMI 33(1), 2011. A rotation to
the principal directions comes first, with the directions dealt out so that all sub-vectors carry about the
same variance: the "eigenvalue allocation" of Ge, He, Ke and Sun, "Optimized product quantization",
TPAMI 36(4), 2014.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import faiss
import numpy as np
from faiss import swig_ptr

from shared.index.reader import Reader
from shared.index.vectors import FLOAT32

CENTROIDS = 256
#: Lengths of a sub-vector for which faiss has specialised code; for others it takes three times as long.
FAST_LENGTHS = (1, 2, 4, 8, 12)
#: With 8 bytes for the id and 3 for a share in lists and centroids, under 100 for a million vectors.
MAX_BYTES = 88


class ProductQuantizer:
    """Codebook for every sub-vector, and the rotation before a vector is split.

    Attributes:
        count: Number of sub-vectors, which is the number of bytes of a code.
        width: Length of a rotated vector: all sub-vectors together.
        centroids: Float32 `[count * 256, width / count]`.

    Args:
        rotation: Float32 `[D, width]`; its rows are orthonormal.
        centroids: See above.
    """

    def __init__(self, rotation: np.ndarray, centroids: np.ndarray) -> None:
        self.count = len(centroids) // CENTROIDS
        self.width = rotation.shape[1]
        self.centroids = centroids
        self._directions = np.ascontiguousarray(rotation.T)

    @classmethod
    def train(cls, vectors: np.ndarray, max_bytes: int = MAX_BYTES) -> ProductQuantizer:
        """Fit rotation and codebooks.

        The directions are dealt out by falling variance, to the first sub-vector, the second and so on, and
        back again. The last round may not reach all of them. For faiss all sub-vectors have one length, best
        one of `FAST_LENGTHS`: an element without a direction is always 0.

        Args:
            vectors: Float32 `[N, D]`, at least 256 of them.
            max_bytes: Largest number of bytes of a code.
        """
        dimension = vectors.shape[1]
        count = min(max_bytes, dimension)
        length = -(-dimension // count)
        length = min((fast for fast in FAST_LENGTHS if fast >= length), default=length)
        _, directions = np.linalg.eigh(vectors.T @ vectors)
        dealing, position = np.divmod(np.arange(dimension), count)
        part = np.where(dealing % 2 == 0, position, count - 1 - position)
        rotation = np.zeros((dimension, count * length), np.float32)
        rotation[:, part * length + dealing] = directions[:, ::-1]
        quantizer = faiss.ProductQuantizer(count * length, count, 8)
        quantizer.cp.niter, quantizer.cp.max_points_per_centroid = 30, 256
        quantizer.cp.min_points_per_centroid = 1
        quantizer.train(vectors @ rotation)
        return cls(rotation, faiss.vector_to_array(quantizer.centroids).reshape(-1, length))

    @property
    def nbytes(self) -> int:
        """Bytes of rotation and centroids."""
        return self._directions.nbytes + self.centroids.nbytes

    def rotate(self, vectors: np.ndarray) -> np.ndarray:
        """Rotate vectors to what faiss splits; inner products stay the same.

        Args:
            vectors: Float32 `[N, D]`, C-contiguous.

        Returns:
            Float32 `[N, width]`, C-contiguous.
        """
        if len(vectors) != 1:
            return vectors @ self._directions.T
        # With numpy's product, a search for a single query takes some 2 % longer.
        rotated = np.empty((1, self.width), FLOAT32)
        pointers = swig_ptr(rotated), swig_ptr(vectors), swig_ptr(self._directions)
        faiss.fvec_inner_products_ny(*pointers, vectors.shape[1], self.width)
        return rotated

    def rotate_back(self, rotated: np.ndarray) -> np.ndarray:
        """Rotate vectors `[N, width]` back to `[N, D]`, the inverse of `rotate`."""
        return rotated @ self._directions

    def transform(self) -> faiss.LinearTransform:
        """Return `rotate` as a transform of faiss."""
        width, dimension = self._directions.shape
        transform = faiss.LinearTransform(dimension, width, False)
        faiss.copy_array_to_vector(self._directions.ravel(), transform.A)
        transform.is_trained = True
        return transform

    def arrays(self) -> Mapping[str, Sequence[np.ndarray]]:
        """Return the arrays from which `from_file` restores the quantizer, in parts."""
        return {"rotation": [self._directions.T], "words": [self.centroids]}

    @classmethod
    def from_file(cls, dimension: int, reader: Reader) -> ProductQuantizer:
        """Restore a quantizer from a file.

        Raises:
            IndexFileError: The file holds none.
        """
        centroids = reader.numbers("words", None, None)
        count = len(centroids) // CENTROIDS
        valid = count >= 1 and len(centroids) == count * CENTROIDS and centroids.shape[1] >= 1
        reader.check(valid, f"words are {list(centroids.shape)}")
        return cls(reader.numbers("rotation", dimension, count * centroids.shape[1]), centroids)
