"""Color spaces of images: a curve per channel and a matrix, as profiles and file headers describe them.

Sources: ICC.1:2022 (profiles), ITU-T H.273 (code points of video and of PNG's `cICP`), W3C PNG (`gAMA` and
`cHRM`).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

#: Function from coded levels 0..1 to linear light, 0 black and 1 white.
Curve: TypeAlias = Callable[[np.ndarray], np.ndarray]

# D50 XYZ of linear sRGB (IEC 61966-2-1, adapted by Bradford's method), as profiles of it have it.
_SRGB_TO_XYZ = np.array(
    [
        [0.4360747, 0.3850649, 0.1430804],
        [0.2225045, 0.7168786, 0.0606169],
        [0.0139322, 0.0971045, 0.7141733],
    ]
)
_XYZ_TO_SRGB = np.linalg.inv(_SRGB_TO_XYZ)
_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])

_D65 = (0.3127, 0.3290)
_SRGB_PRIMARIES = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
# H.273, table 2: chromaticities x, y of red, green and blue, and of white.
_PRIMARIES = {
    1: (_SRGB_PRIMARIES, _D65),
    4: ((0.67, 0.33, 0.21, 0.71, 0.14, 0.08), (0.310, 0.316)),
    5: ((0.64, 0.33, 0.29, 0.60, 0.15, 0.06), _D65),
    6: ((0.630, 0.340, 0.310, 0.595, 0.155, 0.070), _D65),
    7: ((0.630, 0.340, 0.310, 0.595, 0.155, 0.070), _D65),
    8: ((0.681, 0.319, 0.243, 0.692, 0.145, 0.049), (0.310, 0.316)),
    9: ((0.708, 0.292, 0.170, 0.797, 0.131, 0.046), _D65),
    11: ((0.680, 0.320, 0.265, 0.690, 0.150, 0.060), (0.314, 0.351)),
    12: ((0.680, 0.320, 0.265, 0.690, 0.150, 0.060), _D65),
    22: ((0.630, 0.340, 0.295, 0.605, 0.155, 0.077), _D65),
}
_SRGB, _LINEAR, _GAMMA_22, _GAMMA_28 = 13, 8, 4, 5
_UNSPECIFIED = 2


@dataclass(frozen=True, eq=False)
class ColorSpace:
    """Color space of an image.

    Attributes:
        curves: One curve (grey) or three (RGB).
        matrix: Linear sRGB of the linear channels, `[3, 3]`; not used for grey.
    """

    curves: tuple[Curve, ...]
    matrix: np.ndarray


def parametric(
    g: float, a: float = 1, b: float = 0, c: float = 0, d: float = 0, e: float = 0, f: float = 0
) -> Curve:
    """Return the curve `(a x + b) ** g + e` for x >= d, `c x + f` below (ICC.1, section 10.18)."""

    def curve(x: np.ndarray) -> np.ndarray:
        return np.where(x >= d, np.maximum(a * x + b, 0) ** g + e, c * x + f)

    return curve


srgb_curve = parametric(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def encode_srgb(linear: np.ndarray) -> np.ndarray:
    """Return levels 0..1 of sRGB for linear light, which is clipped to 0..1."""
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def read_profile(profile: bytes) -> ColorSpace | None:
    """Read an ICC profile of curves and a matrix.

    Returns:
        The color space, or None for profiles of other kinds (tables, CMYK, Lab), which a color management
        system must read.

    Raises:
        ValueError: The profile is damaged.
    """
    try:
        (count,) = struct.unpack_from(">I", profile, 128)
        if profile[36:40] != b"acsp" or count > 200:
            raise ValueError("no ICC profile")
        entries = (struct.unpack_from(">4sII", profile, 132 + 12 * index) for index in range(count))
        tags = {name: profile[offset : offset + size] for name, offset, size in entries}
        space, connection = profile[16:20], profile[20:24]
        if connection != b"XYZ " or {b"A2B0", b"A2B1"} & tags.keys():
            return None
        if space == b"GRAY" and b"kTRC" in tags:
            return ColorSpace((_read_curve(tags[b"kTRC"]),), np.eye(3))
        if space != b"RGB " or b"rXYZ" not in tags:
            return None
        curves = tuple(_read_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC"))
        columns = [struct.unpack_from(">3i", tags[name], 8) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
        return ColorSpace(curves, _XYZ_TO_SRGB @ (np.array(columns).T / 65536))
    except (struct.error, KeyError, IndexError) as error:
        raise ValueError("the color profile is damaged") from error


def space_of_gamma(gamma: float, chromaticities: Sequence[float] | None = None) -> ColorSpace | None:
    """Return the color space of PNG's chunks `gAMA` and `cHRM`; None for sRGB.

    Args:
        gamma: Exponent that encodes light, such as 0.45455.
        chromaticities: x and y of white, red, green and blue; those of sRGB by default.

    Raises:
        ValueError: The numbers describe no color space.
    """
    if not 0.01 < gamma < 100:
        raise ValueError(f"the gamma {gamma} is not usable")
    if chromaticities is None and abs(gamma - 1 / 2.2) < 1e-3:  # a shorthand for sRGB
        return None
    white, primaries = _D65, _SRGB_PRIMARIES
    if chromaticities is not None and len(chromaticities) == 8:
        white, primaries = tuple(chromaticities[:2]), tuple(chromaticities[2:])  # type: ignore[assignment]
    return ColorSpace((parametric(1 / gamma),) * 3, _matrix(primaries, white))


def space_of_codes(primaries: int, transfer: int) -> ColorSpace | None:
    """Return the color space of code points of ITU-T H.273; None for sRGB and for unknown ones."""
    curve = _transfer_curve(transfer)
    if curve is None or (primaries not in _PRIMARIES and primaries != _UNSPECIFIED):
        return None
    colors, white = _PRIMARIES.get(primaries, _PRIMARIES[1])
    if curve is srgb_curve and colors == _SRGB_PRIMARIES:
        return None
    return ColorSpace((curve,) * 3, _matrix(colors, white))


def _matrix(primaries: Sequence[float], white: Sequence[float]) -> np.ndarray:
    """Return linear sRGB of the linear channels with these primaries, adapted to the white of sRGB."""
    xy = np.array([*primaries, *white], float).reshape(4, 2)
    if not (xy[:, 1] > 0.001).all():
        raise ValueError("chromaticities must be positive")
    xyz = np.stack([xy[:, 0] / xy[:, 1], np.ones(4), (1 - xy.sum(axis=1)) / xy[:, 1]])
    try:
        to_xyz = xyz[:, :3] * np.linalg.solve(xyz[:, :3], xyz[:, 3])
    except np.linalg.LinAlgError as error:
        raise ValueError("the primaries lie on a line") from error
    cones = _BRADFORD @ np.stack([xyz[:, 3], _D50], axis=1)
    adaptation = np.linalg.solve(_BRADFORD, (cones[:, 1] / cones[:, 0])[:, None] * _BRADFORD)
    return _XYZ_TO_SRGB @ adaptation @ to_xyz


def _read_curve(tag: bytes) -> Curve:
    if tag[:4] == b"para":
        (kind,) = struct.unpack_from(">H", tag, 8)
        if kind > 4:
            raise ValueError(f"the curve type {kind} is unknown")
        g, *values = (v / 65536 for v in struct.unpack_from(f">{(1, 3, 4, 5, 7)[kind]}i", tag, 12))
        if kind in (1, 2):  # power above -b / a, and a constant below
            a, b, offset = values[0], values[1], values[2] if kind == 2 else 0.0
            return parametric(g, a, b, 0, -b / a if a else 0, offset, offset)
        return parametric(g, *values)
    if tag[:4] != b"curv":
        raise ValueError("a curve of the color profile is damaged")
    (count,) = struct.unpack_from(">I", tag, 8)
    if count == 0:
        return parametric(1)
    if count == 1:
        return parametric(struct.unpack_from(">H", tag, 12)[0] / 256)
    levels = np.array(struct.unpack_from(f">{count}H", tag, 12)) / 65535
    return lambda x: np.interp(x, np.linspace(0, 1, count), levels)


def _transfer_curve(code: int) -> Curve | None:
    """Return the curve of a code point of H.273, table 3, as displays show it."""
    if code in (1, 6, 11, 14, 15):  # video of cameras, shown by ITU-R BT.1886
        return parametric(2.4)
    return {
        _GAMMA_22: parametric(2.2),
        _GAMMA_28: parametric(2.8),
        7: parametric(1 / 0.45, 1 / 1.1115, 0.1115 / 1.1115, 1 / 4, 0.0912),
        _LINEAR: parametric(1),
        _SRGB: srgb_curve,
        16: _perceptual_quantizer,
        17: lambda x: np.minimum(52.37 / 48 * x**2.6, 1),
        18: _hybrid_log_gamma,
    }.get(code)


def _perceptual_quantizer(x: np.ndarray) -> np.ndarray:
    """Return light of SMPTE ST 2084 (PQ), tone-mapped."""
    power = np.maximum(x, 0) ** (32 / 2523)
    light = (np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)) ** (16384 / 2610)
    return _tone_map(10000 / _WHITE_LUMINANCE * light)


def _hybrid_log_gamma(x: np.ndarray) -> np.ndarray:
    """Return light of ITU-R BT.2100 (HLG) on a display of 1000 cd/m², tone-mapped."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(x <= 0.5, x**2 / 3, (np.exp((x - c) / a) + b) / 12)
    return _tone_map(1000 / _WHITE_LUMINANCE * scene**1.2)


#: Luminance of diffuse white in cd/m² (ITU-R BT.2408).
_WHITE_LUMINANCE = 203
# High dynamic range on an ordinary display: half the light up to white, less and less above it up to 1000
# cd/m²; relative to white, as measured on a grey ramp in Chromium 156.
_TONES = ((0, 1, 1.237, 1.558, 2.027, 3.229, 4.926), (0, 0.5, 0.591, 0.665, 0.745, 0.888, 1))


def _tone_map(light: np.ndarray) -> np.ndarray:
    return np.interp(light, *_TONES)
