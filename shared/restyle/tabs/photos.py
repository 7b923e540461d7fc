"""Photos of the page with what the networks found in them: the main subject, people, and what they wear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from shared.core.images import open_image
from shared.restyle.engines import PARSERS
from shared.restyle.parsing.classes import CLASSES, GARMENTS, class_index
from shared.restyle.tabs.recent import RecentResults
from shared.restyle.tabs.runners import Runners
from shared.ui.components.region_picker import SIDE, Region
from shared.ui.components.results import display_image, file_url

if TYPE_CHECKING:  # these bring torch
    from shared.matting.matte import Matte
    from shared.restyle.parsing.outfit import Outfit

PARTS = (*GARMENTS, "hair")
TITLES = {row.name: row.title for row in CLASSES}
PARSER = next(iter(PARSERS))  # engine that finds clothes, where none is chosen
SUBJECT = "0:subject"  # name of the region of a photo without people
MAX_PEOPLE = 8
#: Confidence of a matte, and share of the photo, below which it has no main subject.
MIN_CONFIDENCE, MIN_COVERAGE = 0.5, 0.003
MIN_RELATIVE = 0.3  # of the largest garment, of one of the same kind in a second photo
SOFTNESS = 0.08  # of a mask, around equal probabilities of two classes
NO_SUBJECT = "We are not sure what the main subject is: please paint over it under “Correct the outline”."


@dataclass(frozen=True)
class SubjectPhoto:
    """Photo with its main subject.

    Attributes:
        matte: Image and subject.
        preview: Path of a smaller copy, for display.
    """

    matte: Matte
    preview: str

    @property
    def caution(self) -> str:
        """Sentence for a photo without a clear subject, else empty."""
        clear = self.matte.confidence >= MIN_CONFIDENCE and self.matte.coverage >= MIN_COVERAGE
        return "" if clear else NO_SUBJECT


@dataclass(frozen=True)
class OutfitPhoto:
    """Photo with the regions that can be changed.

    Attributes:
        image: Image of mode RGB.
        preview: Path of a smaller copy, for display.
        outfits: What each person wears, from the largest on; empty without people.
        matte: Main subject of a photo without people that has one.
    """

    image: Image.Image
    preview: str
    outfits: Sequence[Outfit]
    matte: Matte | None

    @property
    def url(self) -> str:
        """Address of the smaller copy."""
        return file_url(self.preview)

    def region_names(self) -> list[str]:
        """Return the names of `regions`, without their masks."""
        if self.outfits:
            return [
                f"{number}:{name}"
                for number, outfit in enumerate(self.outfits, start=1)
                for name in worn(outfit)
            ]
        return [SUBJECT] if self.matte is not None else []

    def regions(self) -> list[Region]:
        """Return what each person wears, the largest first; without people the main subject, if any."""
        if self.outfits:
            return [
                Region(f"{number}:{name}", TITLES[name], coarse_mask(outfit, name), number)
                for number, outfit in enumerate(self.outfits, start=1)
                for name in worn(outfit)
            ]
        if self.matte is not None:
            return [Region(SUBJECT, "Main subject", self.matte.alpha)]
        return []

    def mask(self, names: Sequence[str]) -> Image.Image:
        """Return the mask of some regions at full size, mode L, with its border on the edges of the photo."""
        if not names:
            return Image.new("L", self.image.size, 0)
        if self.matte is not None:
            return self.matte.alpha
        numbers, parts = zip(*(name.split(":") for name in names), strict=True)
        outfit = self.outfits[int(numbers[0]) - 1]
        return refined_mask(outfit, parts)


def worn(outfit: Outfit) -> list[str]:
    """Return the names of the garments, and hair, that an outfit has, from large to small; hair last."""
    names = [name for name in outfit.present() if name in PARTS]
    return sorted(names, key=lambda name: (name == "hair", -outfit.coverage(name)))


def usual_regions(photo: OutfitPhoto, names: Sequence[str] = ()) -> list[str]:
    """Return the names of the regions to begin with: the largest garment of the largest person.

    Args:
        photo: Photo.
        names: Regions of another photo; a garment of the same kind is preferred if it is not much smaller.
    """
    if not photo.outfits:
        return [region.name for region in photo.regions()]
    outfit = photo.outfits[0]
    largest, *smaller = worn(outfit)
    kinds = [name.partition(":")[2] for name in names]
    least = MIN_RELATIVE * outfit.coverage(largest)
    same = [kind for kind in (largest, *smaller) if kind in kinds and outfit.coverage(kind) >= least]
    return [f"1:{[*same, largest][0]}"]


def garment_map(outfit: Outfit, parts: Sequence[str]) -> np.ndarray:
    """Return where an outfit shows some parts, float32 `[h, w]` in 0..1, at the size of the parsing.

    It is 0.5 where the parts together are as probable as the most probable other class, and soft only around
    that, since a garment that the network is half sure of should not change by half.
    """
    indices = [class_index(part) for part in parts]
    wanted = outfit.probabilities[indices].sum(0)
    rival = np.delete(outfit.probabilities, indices, 0).max(0)
    share = wanted / np.maximum(wanted + rival, 1e-6)
    return np.asarray(((share - 0.5) / (2 * SOFTNESS) + 0.5).clip(0, 1), np.float32)


def refined_mask(outfit: Outfit, parts: Sequence[str]) -> Image.Image:
    """Return the mask of parts of an outfit at full size, mode L, its border on the edges of the photo."""
    from shared.matting.refinement import refine_alpha  # deferred: torch is slow to import

    return refine_alpha(outfit.image, garment_map(outfit, parts))


def coarse_mask(outfit: Outfit, *parts: str) -> Image.Image:
    """Return the mask of parts of an outfit at moderate size, mode L, of the shape of the photo."""
    levels = np.rint(garment_map(outfit, parts) * 255).astype(np.uint8)
    scale = min(SIDE / max(outfit.image.size), 1.0)
    width, height = (max(1, round(side * scale)) for side in outfit.image.size)
    return Image.fromarray(levels).resize((width, height), Image.Resampling.BILINEAR)


class Photos:
    """Photos with what the networks found; those of the latest files stay in memory for some minutes.

    Args:
        run: Functions that run the engines.
    """

    def __init__(self, run: Runners) -> None:
        self._run = run
        self.subject = RecentResults(self._find_subject, size=lambda photo: 8 * _pixels(photo.matte.image))
        self._outfits = RecentResults(self._find_outfit, size=lambda photo: 5 * _pixels(photo.image))
        self._masks = RecentResults(self._find_mask, size=_pixels)

    def outfit(self, path: str, parser: str = PARSER) -> OutfitPhoto:
        """Return a photo with what people wear.

        Args:
            path: Path of the photo.
            parser: Name of the engine that finds clothes.

        Raises:
            ImageError: The photo cannot be used.
            WeightsError: The engine cannot be loaded.
        """
        return self._outfits(path, parser)

    def mask(self, path: str, *names: str, parser: str = PARSER) -> Image.Image:
        """Return the mask of some regions of a photo at full size, see `OutfitPhoto.mask`."""
        return self._masks(path, parser, *names)

    def _find_subject(self, path: str) -> SubjectPhoto:
        image = open_image(path)
        return SubjectPhoto(self._run.subject(image), display_image(image))

    def _find_outfit(self, path: str, parser: str) -> OutfitPhoto:
        image = open_image(path)
        outfit, matte = self._run.outfit(image, parser), None
        outfits = [outfit.only(number) for number in range(len(outfit.people()))][:MAX_PEOPLE]
        outfits = [item for item in outfits if worn(item)]
        if not outfits:
            subject = SubjectPhoto(self._run.subject(image), "")
            matte = None if subject.caution else subject.matte
        return OutfitPhoto(image, display_image(image), outfits, matte)

    def _find_mask(self, path: str, parser: str, *names: str) -> Image.Image:
        return self.outfit(path, parser).mask(names)


def _pixels(image: Image.Image) -> int:
    return image.width * image.height
