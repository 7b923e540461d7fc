"""Color of cloth: the one that most of a garment has, and the distance of pixels from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import gaussian_filter, gaussian_filter1d
from torch import Tensor

from shared.restyle.garment.tone import FOLDS, lightness_from_tone, shade, spread_at, tone_from_lightness
from shared.restyle.oklab import oklab_from_pixels

MIN_LIGHTNESS = 0.2  # below it, hue and saturation are mostly noise
BINS, BIN_RANGE = 64, 0.5  # of the histogram of colors; sRGB has chroma up to 0.32
NEUTRAL, CHROMATIC = 0.03, 0.07  # chroma up to which cloth counts as grey, and from which as colored
TONE_BINS, TONE_RANGE = 64, 5.6  # of the histogram of tones
PRINT_START, PRINT_WIDTH = (
    0.035,
    0.04,
)  # distance from the color of the cloth where a print begins, up to sure
HUE_SHIFT = 0.3  # share of its chroma by which the color of cloth shifts in shadows
WEAK_START, WEAK_WIDTH = 0.015, 0.025  # the same for pixels near a print: its blurred edge
MAX_SPREAD = 1.6  # of the tones of one cloth, in typical spreads
MAX_CAST = 0.02  # more distance that a garment in light of mixed colors has everywhere


@dataclass(frozen=True)
class Cloth:
    """Main color of a garment, in OKLab.

    Attributes:
        lightness: Lightness in 0..1.
        a: Green to red.
        b: Blue to yellow.
        cast: Usual distance of the pixels of plain cloth from the color, by colored light and noise.
        spread: Spread of its tones, by default the typical one of its lightness; larger on leather.
    """

    lightness: float
    a: float
    b: float
    cast: float = 0.0
    spread: float | None = None

    @property
    def chroma(self) -> float:
        """Chroma, 0 for grey."""
        return float(np.hypot(self.a, self.b))

    @property
    def saturation(self) -> Tensor:
        """Ratio of a and b to the lightness, `[2, 1]`: that of the surface in any light."""
        return torch.tensor([[self.a], [self.b]]) / max(self.lightness, MIN_LIGHTNESS)

    def distance(self, lab: Tensor) -> Tensor:
        """Return the distance of colors from those that this cloth has in any light, `[n]`.

        Shadows and folds change lightness and chroma alike, and gloss takes chroma away: such colors have a
        distance near 0.

        Args:
            lab: OKLab, `[3, n]`.
        """
        expected = self.saturation * lab[:1]
        offset = lab[1:] - expected
        if self.chroma < NEUTRAL:
            return torch.hypot(offset[0], offset[1])
        ratio = self.chroma / max(self.lightness, MIN_LIGHTNESS)
        hue = self.saturation / ratio
        along = (lab[1:] * hue).sum(0)
        across = lab[2] * hue[0] - lab[1] * hue[1]
        excess = along - 1.5 * ratio * lab[0]
        colored = torch.hypot(across, torch.maximum(-along, excess).clamp(min=0))
        share = min((self.chroma - NEUTRAL) / (CHROMATIC - NEUTRAL), 1.0)
        return torch.lerp(torch.hypot(offset[0], offset[1]), colored, share)

    def print_share(self, lab: Tensor) -> Tensor:
        """Return the certainty that colors belong to a print and not to the cloth, `[n]` in 0..1.

        Args:
            lab: OKLab, `[3, n]`.
        """
        start = PRINT_START + min(2 * self.cast, MAX_CAST) + HUE_SHIFT * self.chroma
        return smooth_step((self.distance(lab) - start) / PRINT_WIDTH)

    def unlike(self, lab: Tensor) -> Tensor:
        """Return the certainty that colors near a print belong to it, `[n]` in 0..1.

        There a slight difference is enough, also of lightness alone.

        Args:
            lab: OKLab, `[3, n]`.
        """
        distance = (self.distance(lab) - WEAK_START - min(self.cast, MAX_CAST)) / WEAK_WIDTH
        offset = shade(tone_from_lightness(lab[0]), self.lightness, self.spread).abs()
        return smooth_step(torch.maximum(distance, (offset - FOLDS) / FOLDS))

    def relative_saturation(self, lab: Tensor) -> Tensor:
        """Return the chroma of pixels as a share of that of the cloth in the same light, `[n]`.

        It is 1 for the cloth, less where it is glossy or faded, and 0 for a white or black print. Cloth that
        is grey itself gives 1 everywhere.

        Args:
            lab: OKLab, `[3, n]`.
        """
        colored = min(max((self.chroma - NEUTRAL) / (CHROMATIC - NEUTRAL), 0.0), 1.0)
        if colored == 0:
            return torch.ones(lab.shape[1])
        expected = self.chroma / max(self.lightness, MIN_LIGHTNESS) * lab[0].clamp(min=0.02)
        share = (torch.hypot(lab[1], lab[2]) / expected).clamp(max=1.5)
        return 1 + colored * (share - 1)


def find_cloth(samples: np.ndarray) -> Cloth:
    """Find the color that most of a garment has.

    The mode of the colors is searched first, in a histogram that light and shadow do not change, then the
    mode of the lightness. The result is the median around both; on plain cloth that is about the median of
    all pixels.

    Args:
        samples: uint8 `[n, 3]`, at least one pixel.
    """
    lab = oklab_from_pixels(samples)
    colors = lab[1:] / lab[0].clamp(min=MIN_LIGHTNESS) * max(float(lab[0].median()), MIN_LIGHTNESS)
    group = lab[:, torch.from_numpy(_near_mode(colors.numpy()))]
    group = group[:, _near_main_tone(group[0])]
    lightness, a, b = group.median(1).values.tolist()
    cast = float(Cloth(lightness, a, b).distance(group).median())
    low, high = np.percentile(tone_from_lightness(group[0]).numpy(), (16, 84))
    typical = float(spread_at(torch.tensor(lightness)))
    return Cloth(lightness, a, b, cast, max(typical, float(high - low) / 2))


def smooth_step(t: Tensor) -> Tensor:
    """Return for each element 0 below 0, 1 above 1, and a smooth rise between."""
    t = t.clamp(0, 1)
    return t * t * (3 - 2 * t)


def _near_mode(colors: np.ndarray) -> np.ndarray:
    """Return a boolean `[n]` of colors `[2, n]` in the largest cluster."""
    edges = np.linspace(-BIN_RANGE, BIN_RANGE, BINS + 1)
    a, b = colors.clip(-0.49, 0.49)
    counts = gaussian_filter(np.histogram2d(a, b, bins=[edges, edges])[0], 1.2)
    mode = np.unravel_index(counts.argmax(), counts.shape)
    center = np.array([edges[index] + BIN_RANGE / BINS for index in mode])
    for _ in range(3):
        # Hue may differ by as much as prints begin; chroma also falls in gloss and grows in shadow.
        near: np.ndarray = _inside(colors, center)
        center = np.median(colors[:, near], 1)
    return near


def _inside(colors: np.ndarray, center: np.ndarray) -> np.ndarray:
    chroma = float(np.hypot(*center))
    unit = center / max(chroma, 1e-6)
    along, across = unit @ colors, unit[0] * colors[1] - unit[1] * colors[0]
    reach = PRINT_START + 0.02
    inside: np.ndarray = np.hypot((along - chroma) / (reach + 0.4 * chroma), across / reach) <= 1
    return inside if inside.any() else np.ones(colors.shape[1], bool)


def _near_main_tone(lightness: Tensor) -> Tensor:
    """Return a boolean `[n]` of lightnesses around their mode, with folds but no black or white prints."""
    tones = tone_from_lightness(lightness)
    counts, edges = np.histogram(tones.numpy(), TONE_BINS, (-TONE_RANGE, TONE_RANGE))
    bin_width = 2 * TONE_RANGE / TONE_BINS
    mode = float(edges[gaussian_filter1d(counts.astype(float), 0.4 / bin_width).argmax()] + bin_width / 2)
    typical = float(spread_at(lightness_from_tone(torch.tensor(mode))))
    low, high = np.percentile(tones.numpy(), (16, 84))
    # Gloss has more contrast than matt cloth, but stripes in black and white have even more.
    spread = min(max(typical, float(high - low) / 2), MAX_SPREAD * typical)
    near = (tones - mode).abs() <= FOLDS * spread + bin_width
    return near if near.any() else torch.ones_like(near)
