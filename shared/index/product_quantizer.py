"""Product quantisation: a vector as 88 bytes or fewer, each of which names one of 256 words for a part of it.

Jegou, Douze and Schmid, "Product quantization for nearest neighbor search", TPAMI 33(1), 2011. A rotation
comes first, that of the principal directions, which are dealt out so that all parts hold about as much: the
"eigenvalue allocation" of Ge, He, Ke and Sun, "Optimized product quantization", TPAMI 36(4), 2014.
"""

from __future__ import annotations

from collections.abc import Sequence

import faiss
import numpy as np

from shared.index.file import Reader

WORDS = 256
#: Lengths of a part for which faiss has code of its own; for others it takes three times as long.
FAST = (1, 2, 4, 8, 12)
#: With 8 bytes for the id and 3 for a share in lists and words, under 100 for a million vectors.
MOST_BYTES = 88


class ProductQuantizer:
    """Words for every part of a vector, and the rotation before it is cut into parts.

    Attributes:
        count: How many parts, which is how many bytes a code has.
        width: Length of a vector that is turned: all parts together.
        words: float32 `[count * 256, length of a part]`.

    Args:
        rotation: float32 `[dimension, count * length of a part]`; its rows are orthonormal.
        words: See above.
    """

    def __init__(self, rotation: np.ndarray, words: np.ndarray) -> None:
        self.count = len(words) // WORDS
        self.width = rotation.shape[1]
        self.words = words
        self._rotation = rotation

    @classmethod
    def trained(cls, vectors: np.ndarray, most_bytes: int = MOST_BYTES) -> ProductQuantizer:
        """Codebooks that suit vectors, float32 `[N, dimension]`, at least 256 of them.

        The directions are dealt out from the one of most variance on, to the first part, the second and so
        on, and back again. The last round may not reach all parts. For faiss all parts have one length, best
        one of `FAST`: a number that no direction is dealt to is always 0.
        """
        dimension = vectors.shape[1]
        count = min(most_bytes, dimension)
        length = -(-dimension // count)
        length = min((fast for fast in FAST if fast >= length), default=length)
        _, directions = np.linalg.eigh(vectors.T @ vectors)
        turn, place = np.divmod(np.arange(dimension), count)
        part = np.where(turn % 2 == 0, place, count - 1 - place)
        rotation = np.zeros((dimension, count * length), np.float32)
        rotation[:, part * length + turn] = directions[:, ::-1]
        quantizer = faiss.ProductQuantizer(count * length, count, 8)
        quantizer.cp.niter, quantizer.cp.max_points_per_centroid = 30, 256
        quantizer.cp.min_points_per_centroid = 1
        quantizer.train(vectors @ rotation)
        return cls(rotation, faiss.vector_to_array(quantizer.centroids).reshape(-1, length))

    @property
    def nbytes(self) -> int:
        """Bytes of rotation and words."""
        return self._rotation.nbytes + self.words.nbytes

    def turned(self, vectors: np.ndarray) -> np.ndarray:
        """Vectors as faiss cuts them into parts, `[N, count * length of a part]`; scores stay the same."""
        return vectors @ self._rotation

    def turned_back(self, turned: np.ndarray) -> np.ndarray:
        """The inverse of `turned`."""
        return turned @ self._rotation.T

    def transform(self) -> faiss.LinearTransform:
        """What does the same as `turned` inside faiss."""
        dimension, width = self._rotation.shape
        transform = faiss.LinearTransform(dimension, width, False)
        faiss.copy_array_to_vector(np.ascontiguousarray(self._rotation.T).ravel(), transform.A)
        transform.is_trained = True
        return transform

    def arrays(self) -> dict[str, Sequence[np.ndarray]]:
        """What `restored` needs, in parts."""
        return {"rotation": [self._rotation], "words": [self.words]}

    @classmethod
    def restored(cls, dimension: int, reader: Reader) -> ProductQuantizer:
        """The codebooks of a file.

        Raises:
            IndexFileError: What it holds makes none.
        """
        words = reader.numbers("words", None, None)
        count = len(words) // WORDS
        fits = count >= 1 and len(words) == count * WORDS and words.shape[1] >= 1
        reader.check(fits, f"words are {list(words.shape)}")
        return cls(reader.numbers("rotation", dimension, count * words.shape[1]), words)
