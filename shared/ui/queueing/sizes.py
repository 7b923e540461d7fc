"""Sizes of the images that a call brings."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from shared.core.images.files import format_of, open_header, read_file
from shared.ui.gradio_workarounds import accepted_path

BYTES_PER_PIXEL = 0.5  # of files whose pixels are not counted, such as archives of JPEG files
MAX_FILES = 16  # whose headers are read


def count_megapixels(values: Any) -> float:
    """Return the millions of pixels of all images among the values of a call, as JSON gives them.

    Files that are no images count by their bytes, and those that cannot be read not at all.
    """
    total = 0.0
    for number, text in enumerate(_files(values)):
        if text.startswith("data:"):
            total += len(text) * 3 / 4 / BYTES_PER_PIXEL / 1e6
            continue
        try:
            path = Path(accepted_path(text))
            size = path.stat().st_size
            total += _image_megapixels(str(path), size) if number < MAX_FILES else _by_bytes(size)
        except Exception:  # of a damaged file, or of one that is not there: the call itself says so
            continue
    return total


def _files(values: Any) -> Iterator[str]:
    """Yield the paths and data URLs inside JSON values."""
    if isinstance(values, str):
        if values.startswith("data:"):
            yield values
    elif isinstance(values, list):
        for value in values:
            yield from _files(value)
    elif isinstance(values, dict):
        for key, value in values.items():
            if key == "path" and isinstance(value, str):
                yield value
            elif key != "url" or "path" not in values:
                yield from _files(value)


@lru_cache(256)
def _image_megapixels(path: str, size: int) -> float:
    data = read_file(path)
    if format_of(data) in ("", "TIFF"):  # no image, or one whose header comes with all of its pixels
        return _by_bytes(size)
    with open_header(data) as image:
        return image.width * image.height / 1e6


def _by_bytes(size: int) -> float:
    return size / BYTES_PER_PIXEL / 1e6
