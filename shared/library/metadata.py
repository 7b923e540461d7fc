"""Date and place of a photo from its EXIF metadata."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from PIL import ExifTags, Image

from shared.core.images.directories import is_bounded

_DATE = re.compile(r"(\d{4})[:/-](\d\d)[:/-](\d\d)[ T](\d\d):(\d\d)(?::(\d\d))?")


@dataclass(frozen=True)
class PhotoMetadata:
    """Date and place of a photo.

    Attributes:
        taken: Date and time by the camera's clock; None without one.
        latitude: Degrees north, -90..90; None without a place.
        longitude: Degrees east, -180..180; None without a place.
    """

    taken: datetime | None = None
    latitude: float | None = None
    longitude: float | None = None


def read_metadata(image: Image.Image) -> PhotoMetadata:
    """Read date and place of a decoded image file; unreadable metadata counts as none.

    Args:
        image: Image as PIL or `shared.core.images.files.decode_file` opened it.
    """
    raw = image.info.get("exif")
    if isinstance(raw, bytes) and not is_bounded(raw.removeprefix(b"Exif\0\0")):
        return PhotoMetadata()
    try:
        exif = image.getexif()
        details = exif.get_ifd(ExifTags.IFD.Exif)
        values = (details.get(ExifTags.Base.DateTimeOriginal), details.get(ExifTags.Base.DateTimeDigitized))
        taken = next(filter(None, map(_date, (*values, exif.get(ExifTags.Base.DateTime)))), None)
        return PhotoMetadata(taken, *_place(exif.get_ifd(ExifTags.IFD.GPSInfo)))
    except Exception:  # on damaged metadata PIL raises anything from SyntaxError to struct.error
        return PhotoMetadata()


def _date(value: Any) -> datetime | None:
    match = _DATE.match(value) if isinstance(value, str) else None
    if match is None:
        return None
    try:
        year, month, day, hour, minute, second = (int(number or 0) for number in match.groups())
        date = datetime(year, month, day, hour, minute, second)
    except ValueError:  # such as 0000:00:00, which cameras without a clock write
        return None
    return date if date.year >= 1800 else None


def _place(gps: Mapping[int, Any]) -> tuple[float | None, float | None]:
    latitude = _degrees(gps.get(ExifTags.GPS.GPSLatitude), gps.get(ExifTags.GPS.GPSLatitudeRef), "S", 90)
    longitude = _degrees(gps.get(ExifTags.GPS.GPSLongitude), gps.get(ExifTags.GPS.GPSLongitudeRef), "W", 180)
    if latitude is None or longitude is None:
        return None, None
    return latitude, longitude


def _degrees(parts: Any, reference: Any, negative: str, limit: float) -> float | None:
    """Return degrees, minutes and seconds as degrees; None if they are none."""
    try:
        degrees, minutes, seconds = map(float, parts)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    value = degrees + minutes / 60 + seconds / 3600
    if not math.isfinite(value) or not 0 <= value <= limit:
        return None
    return -value if str(reference).strip("\0 ").upper() == negative else value
