"""A person in the garments of another photo: by a network, or with fabric or colors alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from PIL import Image

from shared.core.errors import InputError
from shared.core.images import ImageError, shrink
from shared.restyle.engines import SWAPPERS
from shared.restyle.generation.composite import paste_box
from shared.restyle.generation.settings import GenerationSettings
from shared.restyle.tabs.photos import TITLES, OutfitPhoto, refined_mask, worn
from shared.restyle.tabs.runners import Runners, available
from shared.ui.components.region_picker import SIDE, Region

if TYPE_CHECKING:  # which brings torch
    from shared.restyle.parsing.outfit import Outfit
    from shared.restyle.swap.result import Stage

FABRIC, COLORS = "fabric", "colors"
#: Ways without a network of their own.
PLAIN_METHODS = {FABRIC: "Fabric only", COLORS: "Colors only"}
FABRIC_SCALE = 0.35  # width of a piece of fabric, as a share of the garment's longer side
MARGIN = 0.15  # around a person who is cut out of a group, as a share of the box's sides
COMPARISON_SIDE = 640  # longest side in pixels of images for comparison

#: Garments of the other photo from which each garment is taken, the best first.
PARTNERS: Mapping[str, Sequence[str]] = {
    "top": ("top", "outerwear", "dress"),
    "outerwear": ("outerwear", "top", "dress"),
    "dress": ("dress", "top", "outerwear", "bottom"),
    "bottom": ("bottom", "dress"),
    "legwear": ("legwear",),
    "shoes": ("shoes",),
    "bag": ("bag",),
    "accessory": ("accessory",),
}
NOBODY = "We see nobody in the {}: please choose one that shows a person."
TOO_SMALL = "The second photo shows too little of the fabric for: {}."
NO_PAIR = (
    "None of the chosen garments has a partner in the second photo: please choose others, or another photo."
)


@dataclass(frozen=True)
class Dressed:
    """Result of a swap.

    Attributes:
        image: Mode RGB, of the size of the person's photo.
        stages: Steps on the way; none for fabric and colors.
        notes: Sentences about what limits the result.
        seconds: Duration.
    """

    image: Image.Image
    stages: Sequence[Stage] = ()
    notes: Sequence[str] = ()
    seconds: float = 0.0


@dataclass(frozen=True)
class Swap:
    """Two people and the garments that pass from one to the other.

    Attributes:
        person: Photo of the person.
        number: Number of the person among those of the photo, from 1.
        source: Photo of the outfit.
        source_number: Number of its person, from 1.
        garments: Names of the garments of the person that change.
    """

    person: OutfitPhoto
    number: int
    source: OutfitPhoto
    source_number: int
    garments: Sequence[str]

    def __post_init__(self) -> None:
        for photo, title in ((self.person, "first photo"), (self.source, "second photo")):
            if not photo.outfits:
                raise InputError(NOBODY.format(title))

    @property
    def outfits(self) -> tuple[Outfit, Outfit]:
        """Outfits of the person and of the other one."""
        return self.person.outfits[self.number - 1], self.source.outfits[self.source_number - 1]

    def pairs(self) -> dict[str, str]:
        """Return the garment of the other photo for each garment that has one.

        Raises:
            InputError: None has.
        """
        names = worn(self.outfits[1])
        partners = {
            name: next((item for item in PARTNERS.get(name, ()) if item in names), None)
            for name in self.garments
        }
        pairs = {name: partner for name, partner in partners.items() if partner}
        if not pairs:
            raise InputError(NO_PAIR)
        return pairs

    @cached_property
    def masks(self) -> tuple[list[Image.Image], list[Image.Image]]:
        """Masks of the garments of `pairs` in both photos, mode L, at full size."""
        outfit, source = self.outfits
        pairs = self.pairs()
        own_masks = [refined_mask(outfit, [name]) for name in pairs]
        return own_masks, [refined_mask(source, [name]) for name in pairs.values()]

    def shrunk(self) -> Swap:
        """Return the same swap of smaller photos."""

        def smaller(photo: OutfitPhoto) -> OutfitPhoto:
            image = shrink(photo.image, COMPARISON_SIDE)
            outfits = [replace(outfit, image=image) for outfit in photo.outfits]
            return replace(photo, image=image, outfits=outfits)

        return replace(self, person=smaller(self.person), source=smaller(self.source))


def garments(photo: OutfitPhoto) -> list[Region]:
    """Return the garments that can be swapped."""
    return [row for row in photo.regions() if row.name.partition(":")[2] in PARTNERS]


def garment_names(photo: OutfitPhoto) -> list[str]:
    """Return the names of `garments`, without their masks."""
    return [name for name in photo.region_names() if name.partition(":")[2] in PARTNERS]


def usual_garments(photo: OutfitPhoto | None) -> list[str]:
    """Return the names of the garments to begin with: clothes of the largest person, without shoes."""
    if photo is None:
        return []
    kinds = ("top", "outerwear", "dress", "bottom")
    names = [row.name for row in garments(photo) if row.name.startswith("1:")]
    return [name for name in names if name[2:] in kinds] or names[:1]


def everybody(photo: OutfitPhoto | None) -> list[Region]:
    """Return the people of a photo with several, to choose one; none for a photo with one person."""
    if photo is None or len(photo.outfits) < 2:
        return []
    return [
        Region(str(number), f"Person {number}", shrink(outfit.mask(), SIDE))
        for number, outfit in enumerate(photo.outfits, start=1)
    ]


def methods() -> dict[str, str]:
    """Return the titles of the ways to dress a person, by name, the best first."""
    engines = {name: engine.title for name, engine in available(SWAPPERS).items()}
    return {**engines, **PLAIN_METHODS}


def dress(run: Runners, swap: Swap, method: str, strength: float = 1.0) -> Dressed:
    """Dress a person.

    Args:
        run: Functions that run the engines.
        swap: People and garments.
        method: Name of a swapper's engine, or one of `PLAIN_METHODS`.
        strength: 0 unchanged to 1.

    Raises:
        InputError: There is nothing to swap.
    """
    if method in PLAIN_METHODS:
        return _plain(swap, method, strength)
    garments = [name for name in swap.pairs() if name not in ("bag", "accessory")]
    if not garments:
        raise InputError(NO_PAIR)
    box, person = alone(swap.person, swap.number)
    _, source = alone(swap.source, swap.source_number)
    result = run.swap(person, method, source, garments, strength)
    image = swap.person.image.copy()
    image.paste(result.image, box[:2])
    return Dressed(image, result.stages, result.notes, result.seconds)


def paint(
    run: Runners,
    person: OutfitPhoto,
    number: int,
    source: OutfitPhoto,
    source_number: int,
    engine: str,
    settings: GenerationSettings,
    **observers: Any,
) -> Dressed:
    """Paint a person in the outfit of another photo.

    Args:
        run: Functions that run the engines.
        person: Photo of the person.
        number: Number of the person among those of the photo, from 1.
        source: Photo of the outfit, which may show clothes alone.
        source_number: Number of its person, from 1.
        engine: Name of a row of `GENERATORS`.
        settings: Settings of the run.
        **observers: See `shared.ui.long_runs.observe_run`.

    Raises:
        GenerationError: There is no result.
        StoppedError: The visitor stopped it.
        WeightsError: The engine cannot be loaded.
    """
    box, image = alone(person, number)
    _, outfit = alone(source, source_number)
    result = run.dress(image, engine, outfit, settings, **observers)
    whole = result.image if image is person.image else paste_box(person.image, result.image, box)
    return Dressed(whole, seconds=result.seconds)


def _plain(swap: Swap, method: str, strength: float) -> Dressed:
    """Return the result of a swap of fabric or colors."""
    from shared.restyle.editor import RestyleEditor  # deferred: torch is slow to import
    from shared.restyle.garment.pattern import PatternSettings

    editor, pairs = RestyleEditor(refine=False), swap.pairs()
    source, (masks, source_masks) = swap.source.image, swap.masks
    if method == COLORS:
        result = editor.palette(swap.person.image, masks, source, source_masks, strength)
        return Dressed(result.image, seconds=result.seconds)
    image, seconds, small = swap.person.image, 0.0, []
    settings = PatternSettings(scale=FABRIC_SCALE, tiling="wrap")
    for name, mask, source_mask in zip(pairs, masks, source_masks, strict=True):
        try:
            result = editor.fabric(image, mask, source, source_mask, settings)
        except ImageError:  # there is too little of the fabric
            small.append(TITLES[name].lower())
            continue
        image, seconds = result.image, seconds + result.seconds
    if len(small) == len(pairs):
        raise InputError(TOO_SMALL.format(", ".join(small)))
    notes = [TOO_SMALL.format(", ".join(small))] if small else []
    return Dressed(Image.blend(swap.person.image, image, strength), notes=notes, seconds=seconds)


def alone(photo: OutfitPhoto, number: int) -> tuple[tuple[int, int, int, int], Image.Image]:
    """Return the part of a photo that shows one person, and its box; all of it without other people.

    Args:
        photo: Photo.
        number: Number of the person, from 1; without meaning for a photo without people.
    """
    width, height = photo.image.size
    if len(photo.outfits) < 2:
        return (0, 0, width, height), photo.image
    left, top, right, bottom = photo.outfits[number - 1].people()[0].box
    across, down = MARGIN * (right - left), MARGIN * (bottom - top)
    box = (
        max(round(left - across), 0),
        max(round(top - down), 0),
        min(round(right + across), width),
        min(round(bottom + down), height),
    )
    return box, photo.image.crop(box)
