"""Garments of Clothing Co-Parsing with their true labels and colors, and with descriptors."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from shared.core.images import open_image
from shared.restyle.oklab import oklab_from_pixels
from shared.restyle.parsing.classes import GARMENTS, class_index
from shared.restyle.parsing.data.ccp import CCPPhoto
from shared.restyle.parsing.outfit import MIN_SHARE, MIN_SHARES
from shared.restyle.parsing.parser import OutfitParser
from shared.restyle.similar.descriptor import GarmentDescriber, GarmentParts
from shared.restyle.similar.kinds import kind_mask, kinds_of


@dataclass(frozen=True, eq=False)
class TrueGarment:
    """Garment as people labelled it.

    Attributes:
        label: Id of its label, such as that of "blouse".
        color: Median of its pixels in OKLab, float32 `[3]`.
    """

    label: int
    color: np.ndarray


@dataclass(frozen=True, eq=False)
class DescribedPerson:
    """Person of a photo, with garments by kind.

    Attributes:
        truth: True garments.
        parts: Descriptors of the garments that the parser finds.
        true_parts: Descriptors over the true pixels.
        copy_parts: Descriptors of the garments that the parser finds in an edited copy of the photo.
    """

    truth: Mapping[str, TrueGarment]
    parts: Mapping[str, GarmentParts]
    true_parts: Mapping[str, GarmentParts] = field(default_factory=dict)
    copy_parts: Mapping[str, GarmentParts] = field(default_factory=dict)


def true_garments(photo: CCPPhoto) -> dict[str, TrueGarment]:
    """Read the garments that people labelled, by kind; too small ones are left out as in an outfit."""
    labels = np.asarray(Image.open(photo.label_path or ""))
    classes, pixels = photo.lookup[labels], np.asarray(photo.image())
    total, garments = float((classes > 0).sum()), {}
    for kind in GARMENTS:
        mask = classes == class_index(kind)
        if mask.sum() >= max(MIN_SHARES.get(kind, MIN_SHARE) * total, 1):
            color = np.median(oklab_from_pixels(pixels[mask]).numpy(), 1)
            garments[kind] = TrueGarment(int(np.bincount(labels[mask]).argmax()), color)
    return garments


def describe_photo(
    parser: OutfitParser, describer: GarmentDescriber, image: Image.Image
) -> Mapping[str, GarmentParts]:
    """Describe the garments that the parser finds on the largest person; none without people."""
    outfit = parser(image)
    if not outfit.is_person:
        return {}
    person = outfit.only(0)
    return describer.parts(image, Image.fromarray(person.labels), kinds_of(person))


def describe_truth(describer: GarmentDescriber, photo: CCPPhoto) -> Mapping[str, GarmentParts]:
    """Describe the garments over the pixels that people labelled."""
    classes = photo.classes()
    kinds = [kind for kind in GARMENTS if kind_mask(classes, kind).any()]
    return describer.parts(photo.image(), Image.fromarray(classes), kinds)


def edited_copy(image: Image.Image, seed: int) -> Image.Image:
    """Return a photo as another camera might take it: cropped, mirrored, of other light, soft, saved again.

    Args:
        image: Mode RGB.
        seed: Seed of the changes.
    """
    rng = np.random.default_rng(seed)
    width, height = image.size
    left, top, right, bottom = rng.uniform(0, 0.08, 4)
    copy = image.crop(
        (
            round(left * width),
            round(top * height),
            round((1 - right) * width),
            round((1 - bottom) * height),
        )
    )
    if rng.random() < 0.5:
        copy = ImageOps.mirror(copy)
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        copy = enhance(copy).enhance(float(rng.uniform(0.88, 1.12)))
    copy = copy.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 0.9))))
    stream = io.BytesIO()
    copy.save(stream, "JPEG", quality=int(rng.integers(55, 85)))
    return open_image(stream.getvalue())
