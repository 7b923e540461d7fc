"""Directories of TIFF files (TIFF 6.0, section 2) and of EXIF and MPF segments, which have the same form.

Decoders copy the value of each tag, so a small file whose tags all point to the same bytes would fill the
memory. Directories are checked before a decoder sees them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

#: Bytes of a value by type; types without an entry have one.
_TYPE_SIZES: Mapping[int, int] = MappingProxyType(
    {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
)
_TILE_WIDTH, _TILE_LENGTH = 322, 323
_SHORT = 3


class Tag(NamedTuple):
    """Entry of a directory.

    Attributes:
        number: Number of the tag.
        size: Length of its value in bytes.
        value: Value, or its position in the file, as an unsigned number; the value itself if it fits.
    """

    number: int
    size: int
    value: int


class _Layout(NamedTuple):
    """Widths of the fields of classic TIFF and of BigTIFF."""

    first: str  # offset of the first directory, after the magic number
    number_of_tags: str
    tag: str  # number, type, number of values, and value or its position


_CLASSIC = _Layout("4xI", "H", "HHI4s")
_BIG = _Layout("8xQ", "Q", "HHQ8s")
_MAGIC: Mapping[bytes, tuple[str, _Layout]] = MappingProxyType(
    {
        b"II*\0": ("<", _CLASSIC),
        b"MM\0*": (">", _CLASSIC),
        b"II+\0": ("<", _BIG),
        b"MM\0+": (">", _BIG),
    }
)


def read_directory(data: bytes) -> Iterator[Tag]:
    """Yield the tags of the first directory; none if the data do not begin as TIFF does, or are cut short.

    Args:
        data: A TIFF file, or an EXIF segment without its `Exif` prefix.
    """
    order, layout = _MAGIC.get(bytes(data[:4]), ("", _CLASSIC))
    if not order:
        return
    with_order = _Layout(*(order + field for field in layout))
    try:
        (offset,) = struct.unpack_from(with_order.first, data)
        (count,) = struct.unpack_from(with_order.number_of_tags, data, offset)
        start, length = offset + struct.calcsize(with_order.number_of_tags), struct.calcsize(with_order.tag)
        for index in range(min(count, len(data) // length)):
            number, kind, values, field = struct.unpack_from(with_order.tag, data, start + index * length)
            short = order == ">" and kind == _SHORT and values == 1  # lies in the upper half of the field
            value = int.from_bytes(field[:2] if short else field, "big" if order == ">" else "little")
            yield Tag(number, values * _TYPE_SIZES.get(kind, 1), value)
    except struct.error:
        return


def is_bounded(data: bytes) -> bool:
    """Return True if the values of the first directory are together no longer than the data."""
    return sum(tag.size for tag in read_directory(data)) <= len(data)


def tile_pixels(data: bytes) -> int:
    """Return the number of pixels of a tile of a TIFF file; 0 if it has no tiles."""
    sides = {tag.number: tag.value for tag in read_directory(data)}
    return sides.get(_TILE_WIDTH, 0) * sides.get(_TILE_LENGTH, 0)
