"""Tones of cloth: a scale of lightness on which folds look alike on cloth of any color.

On a garment in the light, lightness varies around that of the cloth: folds are darker, ridges are lighter. By
how much depends on the cloth: the folds of a black one take up few levels, those of a white one many. The
scale here is the logit of lightness cubed, which is nearly linear in light: log-odds of the light that the
cloth returns. Its spread on 923 plain garments of the training split of Clothing Co-Parsing is nearly the
same for all but very dark and very light ones; `SPREAD` holds what remains. Offsets from the median tone, in
units of the spread, therefore move from one color to another, and never leave the range from black to white.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.interpolate import PchipInterpolator
from torch import Tensor

#: Share of light that even black cloth returns to the camera; bounds the tone of black and of white.
FLARE = 0.004
# Lightness of the cloth, and mean distance in tone from its median to the 16th and the 84th percentile.
SPREAD = (
    (0.00, 0.20),
    (0.17, 0.25),
    (0.20, 0.36),
    (0.24, 0.39),
    (0.28, 0.46),
    (0.32, 0.54),
    (0.37, 0.62),
    (0.42, 0.69),
    (0.85, 0.69),
    (0.90, 0.80),
    (0.94, 1.05),
    (1.00, 1.20),
)

WHITE = 3.0  # tone from which a print is white, however it is lit
FOLDS = 2.5  # usual spreads around the tone of cloth within which folds lie
TABLE_SIZE = 2048


def tone_from_lightness(lightness: Tensor) -> Tensor:
    """Return tones, about -5.5 for black to 5.5 for white.

    Args:
        lightness: Lightness of OKLab in 0..1, any shape.
    """
    light = lightness.clamp(0, 1).pow(3)
    return torch.log((light + FLARE) / (1 + FLARE - light))


def lightness_from_tone(tone: Tensor) -> Tensor:
    """Return the lightness of OKLab, in 0..1.

    >>> tone = tone_from_lightness(torch.tensor([0.1, 0.2, 0.9, 1.0]))
    >>> [round(value, 4) for value in lightness_from_tone(tone).tolist()]
    [0.1, 0.2, 0.9, 1.0]
    """
    light = torch.sigmoid(tone) * (1 + 2 * FLARE) - FLARE
    return light.clamp(0, 1).pow(1 / 3)


def _spread_table() -> Tensor:
    values, segment = [], 0
    for level in range(256):
        lightness = level / 255
        while segment < len(SPREAD) - 2 and lightness > SPREAD[segment + 1][0]:
            segment += 1
        (left, low), (right, high) = SPREAD[segment : segment + 2]
        values.append(low + (high - low) * (lightness - left) / (right - left))
    return torch.tensor(values)


_SPREADS = _spread_table()


def spread_at(lightness: Tensor) -> Tensor:
    """Return the usual spread of tone on cloth of a lightness in 0..1, for each element."""
    return _SPREADS[(lightness.clamp(0, 1) * 255).round().to(torch.int32)]


def shade(tone: Tensor, cloth: float, spread: float | None = None) -> Tensor:
    """Return the offset of tones from that of the cloth, in units of the spread.

    Args:
        tone: Tones of pixels.
        cloth: Lightness of the cloth, 0..1.
        spread: Spread of its tones, by default the usual one.
    """
    base = torch.tensor(cloth)
    return (tone - tone_from_lightness(base)) / (float(spread_at(base)) if spread is None else spread)


def apply_shade(cloth: Tensor, offset: Tensor) -> Tensor:
    """Return the lightness of cloth in a light or a fold; the inverse of `shade`.

    Args:
        cloth: Lightness of the cloth, 0..1.
        offset: Result of `shade`, of a shape that fits.
    """
    return lightness_from_tone(tone_from_lightness(cloth) + spread_at(cloth) * offset)


class ToneCurve:
    """Lightness of new cloth as a monotone function of the lightness of the old one.

    Tones within `FOLDS` usual spreads of the cloth keep their offset in units of the spread. Beyond them lie
    prints and gloss, up to white and down to black, which stay white and black.

    Args:
        source: Lightness of the cloth, 0..1.
        target: Lightness of the new cloth, 0..1.
        spread: Spread of the old cloth's tones, by default the usual one.

    Attributes:
        gain: Factor by which small differences of lightness grow around that of the cloth.
    """

    def __init__(self, source: float, target: float, spread: float | None = None) -> None:
        cloths = torch.tensor([source, target])
        tones, spreads = tone_from_lightness(cloths).tolist(), spread_at(cloths).tolist()
        spreads[0] = spreads[0] if spread is None else spread
        offsets = np.linspace(-FOLDS, FOLDS, 9)
        x, y = (tone + spread * offsets for tone, spread in zip(tones, spreads, strict=True))
        black, white = tone_from_lightness(torch.tensor([0.0, 1.0])).tolist()
        # Where the range of folds ends near black or white, there is no room for prints, and it goes on.
        low, high = _end(black, (x[0], y[0]), spreads, -1), _end(white, (x[-1], y[-1]), spreads, 1)
        knots = [low, *zip(x, y, strict=True), high]
        if high == (white, white) and max(x[-1], y[-1]) < WHITE - 0.3:
            knots.insert(-1, (WHITE, WHITE))
        curve = PchipInterpolator(*np.transpose(knots))
        levels = torch.linspace(0, 1, TABLE_SIZE)
        positions = tone_from_lightness(levels).double().numpy()
        self.table = lightness_from_tone(torch.from_numpy(curve(positions))).float()
        self.gain = self._slope(source)

    def __call__(self, lightness: Tensor) -> Tensor:
        """Return the new lightness of each value, 0..1."""
        position = lightness.clamp(0, 1) * (TABLE_SIZE - 1)
        index = position.int().clamp_(max=TABLE_SIZE - 2)
        return torch.lerp(self.table[index], self.table[index + 1], position - index)

    def _slope(self, source: float) -> float:
        """Return the factor by which small differences grow around the cloth's lightness."""
        low, high = max(source - 0.03, 0.0), min(source + 0.03, 1.0)
        first, second = self(torch.tensor([low, high])).tolist()
        return float(second - first) / (high - low)


def _end(limit: float, last: tuple[float, float], spreads: list[float], sign: int) -> tuple[float, float]:
    """Return the end of a tone curve: black or white, or the continuation of its slope."""
    x, y = last
    if sign * (limit - x) > 2 * spreads[0] and sign * (limit - y) > 0.2 * spreads[1]:
        return limit, limit
    reach = max(sign * (limit - x), 0) + 1.0
    return x + sign * reach, y + sign * reach * min(spreads[1] / spreads[0], 1.0)
