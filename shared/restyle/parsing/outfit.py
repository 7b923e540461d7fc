"""Outfit: what the people in a photo wear, pixel by pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from PIL import Image
from scipy import ndimage

from shared.core.images import Box, encode_image
from shared.restyle.parsing.classes import CLASSES, NAMES, class_index

#: Share of a person's pixels that a class must cover to be present; chosen on the val split of Clothing
#: Co-Parsing, by F1 of photos with and without the class.
MIN_SHARE = 0.01
MIN_SHARES = {"hair": 0.005, "shoes": 0.005, "bag": 0.005, "accessory": 0.001}
MIN_PERSON = 0.01  # of the image that somebody must cover
MIN_RELATIVE = 0.12  # of the largest person that another must have
MIN_CERTAINTY = 0.75  # mean probability of a person's pixels
#: Classes of which a person surely shows one somewhere; fur and petals pass for skin and coats.
TELLING = ("hair", "top", "dress", "bottom", "legwear", "shoes")
MIN_TELLING = 0.5  # largest probability of those classes within a person
BORDER = 3  # pixels of the soft border of a person, at working size
OVERLAY_OPACITY = 0.6
OVERLAY_SIDE = 1024  # of an overlay, in pixels


@dataclass(frozen=True)
class Person:
    """Connected pixels of a person, or of people who touch.

    Attributes:
        box: Left, top, right and bottom in pixels of the image.
        coverage: Share of the image that the person covers, 0..1.
        certainty: Mean probability that the pixels show a person, 0..1.
    """

    box: Box
    coverage: float
    certainty: float


@dataclass(frozen=True, eq=False)
class Outfit:
    """Classes of the pixels of an image, see `shared.restyle.parsing.classes`.

    Attributes:
        image: The image, of mode RGB.
        labels: uint8 `[h, w]`, the most probable class, at the working size of the network.
        probabilities: float32 `[C, h, w]`, 0..1, sums to 1 over the classes.
        seconds: Duration of the call.
    """

    image: Image.Image
    labels: np.ndarray
    probabilities: np.ndarray
    seconds: float

    def mask(self, *names: str) -> Image.Image:
        """Return where the image shows any of some classes.

        Args:
            names: Names of classes; none for everything but the background.

        Returns:
            Mode L and of the size of the image, 0 elsewhere to 255 inside, soft at borders.

        Raises:
            ValueError: There is no such class.
        """
        indices = sorted({class_index(name) for name in names or NAMES[1:]})
        levels = np.rint(self.probabilities[indices].sum(0).clip(0, 1) * 255).astype(np.uint8)
        return Image.fromarray(levels).resize(self.image.size, Image.Resampling.BILINEAR)

    def coverage(self, name: str) -> float:
        """Return the share of the image that a class covers, 0..1.

        Raises:
            ValueError: There is no such class.
        """
        return float((self.labels == class_index(name)).mean())

    def present(self) -> list[str]:
        """Return the names of the classes that people in the image show, without the background."""
        total = float((self.labels > 0).mean())
        if not self.is_person:
            return []
        return [name for name in NAMES[1:] if self.coverage(name) >= MIN_SHARES.get(name, MIN_SHARE) * total]

    @cached_property
    def _components(self) -> tuple[np.ndarray, Sequence[tuple[int, Person]]]:
        """Return the number of the component of every pixel, and people by size with their components."""
        person = 1 - self.probabilities[0]
        near = ndimage.binary_closing(np.pad(self.labels > 0, 2), iterations=2)[2:-2, 2:-2]
        components, count = ndimage.label(near | (self.labels > 0))
        height, width = self.labels.shape
        across, down = self.image.width / width, self.image.height / height
        people = []
        for index, (rows, columns) in enumerate(ndimage.find_objects(components, count), start=1):
            inside = (components == index) & (self.labels > 0)
            if not inside.any():  # closing may join the border of specks that are background
                continue
            box = (columns.start * across, rows.start * down, columns.stop * across, rows.stop * down)
            people.append((index, Person(box, float(inside.mean()), float(person[inside].mean()))))
        people.sort(key=lambda entry: -entry[1].coverage)
        return components, people

    @cached_property
    def _people(self) -> list[tuple[int, Person]]:
        _, people = self._components
        least = max(MIN_PERSON, MIN_RELATIVE * people[0][1].coverage) if people else MIN_PERSON
        return [
            (index, person)
            for index, person in people
            if person.coverage >= least
            and person.certainty >= MIN_CERTAINTY
            and self._telling_probability(index) >= MIN_TELLING
        ]

    def _telling_probability(self, component: int) -> float:
        """Return the largest probability of the classes `TELLING` in a component."""
        inside = self._components[0] == component
        return float(max(self.probabilities[class_index(name)][inside].max() for name in TELLING))

    def people(self) -> list[Person]:
        """Return the people that are big enough to be dressed, from large to small."""
        return [person for _, person in self._people]

    @property
    def is_person(self) -> bool:
        """True if the image shows a person that is big and sure enough."""
        return bool(self._people)

    def only(self, number: int) -> Outfit:
        """Return the outfit of one person; all others become background.

        Args:
            number: Index into `people()`.

        Raises:
            IndexError: There is no such person.
        """
        component, _ = self._people[number]
        components, _ = self._components
        # The soft border of a person lies outside its labels.
        near = ndimage.binary_dilation(components == component, iterations=BORDER)
        inside = near & ((components == component) | (components == 0))
        probabilities = np.where(inside, self.probabilities, 0)
        probabilities[0][~inside] = 1
        return replace(self, labels=np.where(inside, self.labels, 0), probabilities=probabilities)

    def overlay(self) -> Image.Image:
        """Return the image with the color of each class, shrunk to at most `OVERLAY_SIDE` pixels."""
        image = self.image.copy()
        image.thumbnail((OVERLAY_SIDE, OVERLAY_SIDE), Image.Resampling.BICUBIC)
        colors = np.array([row.color for row in CLASSES], np.float32)
        maps = [
            np.asarray(Image.fromarray(plane).resize(image.size, Image.Resampling.BILINEAR))
            for plane in self.probabilities
        ]
        labels = np.argmax(maps, 0)
        opacity = np.where(labels > 0, OVERLAY_OPACITY, 0)[..., None]
        pixels = np.asarray(image, np.float32) * (1 - opacity) + colors[labels] * opacity
        return Image.fromarray(np.rint(pixels).astype(np.uint8))

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, without the pixels."""
        return {
            "width": self.image.width,
            "height": self.image.height,
            "is_person": self.is_person,
            "people": [
                {
                    "box": [round(edge) for edge in person.box],
                    "coverage": round(person.coverage, 4),
                    "certainty": round(person.certainty, 3),
                }
                for person in self.people()
            ],
            "parts": {name: round(self.coverage(name), 4) for name in self.present()},
            "seconds": round(self.seconds, 3),
        }

    def files(self) -> dict[str, bytes]:
        """Return the files of a download, by file name extension: overlay, and classes as a palette image."""
        palette = Image.fromarray(self.labels).convert("P")
        palette.putpalette([level for row in CLASSES for level in row.color])
        classes = palette.resize(self.image.size, Image.Resampling.NEAREST)
        return {".png": encode_image(self.overlay()), ".classes.png": encode_image(classes)}
