"""Person in a photo: outfit, pose, and the frame around both."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from shared.core.errors import InputError
from shared.core.images import Box
from shared.restyle.parsing.classes import CLASSES, class_index
from shared.restyle.parsing.outfit import Outfit
from shared.restyle.parsing.parser import OutfitParser
from shared.restyle.pose.estimator import PoseEstimator
from shared.restyle.pose.skeleton import Pose
from shared.restyle.swap.fabric import SUBSTITUTES, visible_garments
from shared.restyle.swap.figure import Figure, cut, cut_figure, cut_image, person_box
from shared.restyle.swap.tidy import tidy_garments

CRISPNESS = 4.0  # factor of the odds of a garment around one half
SCRAP = 0.3  # of the largest garment that would do, below which another one is not taken


@dataclass(frozen=True)
class Subject:
    """Largest person of a photo.

    Attributes:
        image: The photo, mode RGB.
        outfit: Classes of its pixels, of this person alone.
        pose: Joints of this person.
        box: Frame around the person, in pixels of the photo.
        figure: The person in the frame.
    """

    image: Image.Image
    outfit: Outfit
    pose: Pose
    box: Box
    figure: Figure

    def garment_map(self, name: str) -> np.ndarray:
        """Return the probability of a garment, float32 `[h, w]` in 0..1, at the size of the parsing."""
        values: np.ndarray = self.outfit.probabilities[class_index(name)]
        return values

    def coarse_mask(self, names: Iterable[str]) -> np.ndarray:
        """Return where any of some garments is likelier than every other class.

        It is soft at borders alone: a parsing that is unsure inside a garment must not look like a border.

        Args:
            names: Names of garments, at least one.

        Returns:
            float32 `[h, w]` in 0..1, at the size of the parsing.
        """
        indices = [class_index(name) for name in names]
        inside = self.outfit.probabilities[indices].sum(0)
        outside = np.delete(self.outfit.probabilities, indices, 0).max(0)
        odds = inside / np.maximum(inside + outside, 1e-6)
        mask: np.ndarray = ((odds - 0.5) * CRISPNESS + 0.5).clip(0, 1).astype(np.float32)
        return mask

    def frame_map(self, name: str, size: tuple[int, int]) -> np.ndarray:
        """Return the probability of a garment in the frame at a size, float32 `[H, W]` in 0..1."""
        values = self.garment_map(name)
        across, down = values.shape[1] / self.image.width, values.shape[0] / self.image.height
        box = (self.box[0] * across, self.box[1] * down, self.box[2] * across, self.box[3] * down)
        return np.asarray(cut(Image.fromarray(values), box, size, Image.Resampling.BILINEAR))

    def frame_image(self, size: tuple[int, int]) -> np.ndarray:
        """Return the photo in the frame at a size, uint8 `[H, W, 3]`."""
        return cut_image(self.image, self.box, size)


def find_subject(
    image: Image.Image, parser: OutfitParser, estimator: PoseEstimator, title: str = "photo"
) -> Subject:
    """Find the largest person of a photo.

    Args:
        image: Mode RGB.
        parser: Finds the outfit.
        estimator: Finds the joints.
        title: Name of the photo in errors.

    Raises:
        InputError: There is no person, or none who wears a garment that can be swapped.
    """
    outfit = parser(image)
    people = outfit.people()
    if not people:
        raise InputError(f"No person was found in the {title}: please choose a photo that shows somebody.")
    outfit = tidy_garments(outfit.only(0))
    pose = estimator(image, people[0].box)
    joints = np.array([[joint.x - 0.5, joint.y - 0.5, joint.score] for joint in pose.joints])
    figure = cut_figure(image, outfit.labels, joints)
    if not visible_garments(figure):
        raise InputError(f"No clothes are visible in the {title}: please choose one that shows more of them.")
    return Subject(image, outfit, pose, person_box(outfit.labels, image.size), figure)


def choose_garments(person: Subject, source: Subject, garments: tuple[str, ...]) -> dict[str, str]:
    """Return the garment of the source for each garment that was asked for.

    Args:
        person: Who gets the garments.
        source: Whose garments are taken.
        garments: Names of garments; those that cannot be swapped here are left out.

    Raises:
        ValueError: A name is none of `SUBSTITUTES`.
        InputError: No garment that was asked for is visible in both photos.
    """
    for name in garments:
        if name not in SUBSTITUTES:
            raise ValueError(f"a garment must be one of {', '.join(SUBSTITUTES)}, received {name!r}")
    worn, offered = visible_garments(person.figure), visible_garments(source.figure)
    pairs = {}
    for name in dict.fromkeys(garments):
        substitute = _substitute(name, source.figure, offered)
        if name in worn and substitute:
            pairs[name] = substitute
    if not pairs:
        raise InputError(
            f"There is nothing to swap: the person wears {describe(worn)}, and the other photo shows "
            f"{describe(offered)}; you asked for {describe(garments)}."
        )
    return pairs


def _substitute(garment: str, source: Figure, offered: list[str]) -> str | None:
    """Return the best garment of a source that is no mere scrap beside the others; None if there is none."""
    names = [name for name in SUBSTITUTES[garment] if name in offered]
    areas = [int(source.mask(class_index(name)).sum()) for name in names]
    return next((name for name, area in zip(names, areas, strict=True) if area >= SCRAP * max(areas)), None)


def describe(names: tuple[str, ...] | list[str]) -> str:
    """Return garments as a phrase for visitors.

    >>> describe(["top", "bottom", "shoes"])
    'top, trousers or skirt and shoes'
    """
    titles = [CLASSES[class_index(name)].title.lower() for name in names]
    return " and ".join(filter(None, [", ".join(titles[:-1]), titles[-1]])) if titles else "nothing"
