"""Checked access to the contents of a file that need not be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

#: Largest magnitude in centroids; those of vectors of length 1 are far below.
_MAX_MAGNITUDE = 1e3


class IndexFileError(ValueError):
    """File of another kind, or damaged; the text is a sentence that names it and the fix."""


class Reader:
    """Checked access to the values and arrays of a file; every method raises `IndexFileError` on a violation.

    Attributes:
        path: Path of the file.
        values: Plain values by name.
        arrays: Arrays by name.
        content: Type of content.
    """

    def __init__(
        self,
        path: Path,
        values: dict[str, Any],
        arrays: dict[str, np.ndarray],
        content: str,
    ) -> None:
        self.path = path
        self.values = values
        self.arrays = arrays
        self.content = content

    def integer(self, name: str, minimum: int, maximum: int) -> int:
        """Return a whole number in `minimum`..`maximum`."""
        value = self.values.get(name)
        if type(value) is not int or not minimum <= value <= maximum:
            self.fail(f"{name} is {value!r:.40}")
        return value

    def fraction(self, name: str) -> float:
        """Return a number above 0 and up to 1."""
        value = self.values.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 1:
            self.fail(f"{name} is {value!r:.40}")
        return float(value)

    def choice(self, name: str, options: Sequence[str]) -> str:
        """Return one of several strings."""
        value = self.values.get(name)
        if not isinstance(value, str) or value not in options:
            self.fail(f"{name} is {value!r:.40}")
        return value

    def array(self, name: str, dtype: npt.DTypeLike, *shape: int | None) -> np.ndarray:
        """Return an array of that dtype and shape, in which None stands for any length."""
        array = self.arrays.get(name)
        if array is None:
            self.fail(f"{name} is missing")
        fits = array.ndim == len(shape) and all(
            expected in (None, length) for expected, length in zip(shape, array.shape, strict=True)
        )
        self.check(fits and array.dtype == dtype, f"{name} is {array.dtype} {list(array.shape)}")
        return array

    def numbers(self, name: str, *shape: int | None) -> np.ndarray:
        """Return a float32 array of finite numbers of plausible magnitude."""
        array = self.array(name, np.float32, *shape)
        plausible = bool((np.abs(array) <= _MAX_MAGNITUDE).all())  # false for NaN
        self.check(plausible, f"{name} holds what is no number")
        return array

    def unit_vectors(self, name: str, dimension: int) -> np.ndarray:
        """Return vectors of length 1, float32 `[N, dimension]`."""
        vectors = self.numbers(name, None, dimension)
        squares = np.einsum("nd,nd->n", vectors, vectors)
        self.check(bool((np.abs(squares - 1) < 1e-3).all()), f"{name} are not of length 1")
        return vectors

    def ids(self, name: str, count: int) -> np.ndarray:
        """Return distinct ids, int64 `[count]`, none of them negative."""
        ids = self.array(name, np.int64, count)
        self.check(count == 0 or ids.min() >= 0, f"{name} are negative")
        self.check(len(np.unique(ids)) == count, f"{name} are not all different")
        return ids

    def check(self, valid: bool, reason: str) -> None:
        """Raise `IndexFileError` with a reason unless a condition holds."""
        if not valid:
            self.fail(reason)

    def fail(self, reason: str) -> NoReturn:
        """Raise `IndexFileError` with a reason."""
        raise damaged_error(self.path, reason, self.content)


def damaged_error(path: Path, reason: str, content: str) -> IndexFileError:
    """Return the error for a damaged file, with a reason."""
    noun = content.rpartition(" ")[2]
    return IndexFileError(f"{path} is damaged ({reason}): use a copy of it, or make the {noun} anew.")
