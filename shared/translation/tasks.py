"""Tasks of the learned translations between two sets of images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

from shared.translation.palettes import FACADES, STREETS, Palette

#: Direction of a translation: from the first set to the second, or from the second to the first.
Direction: TypeAlias = Literal["forward", "backward"]
DIRECTIONS: tuple[Direction, ...] = ("forward", "backward")


@dataclass(frozen=True)
class Task:
    """Two sets of images and the translations between them.

    Attributes:
        name: Identifier in code and in the API.
        title: Name on the page.
        first: Images of the first set in the words of a visitor, plural.
        second: Images of the second set, likewise.
        first_palette: Colors of the first set's images where these are label drawings.
        side: Shorter side in pixels of the images that the networks learned from.
        grey: True if the images of the second set have no color.
    """

    name: str
    title: str
    first: str
    second: str
    first_palette: Palette | None = None
    side: int = 128
    grey: bool = False

    def source(self, direction: Direction) -> str:
        """Return the name of the images that a direction starts from.

        Raises:
            ValueError: There is no such direction.
        """
        return self.first if check_direction(direction) == "forward" else self.second

    def palettes(self, direction: Direction) -> tuple[Palette | None, Palette | None]:
        """Return the colors of source and target where these are label drawings."""
        return (self.first_palette, None) if direction == "forward" else (None, self.first_palette)

    def target(self, direction: Direction) -> str:
        """Return the name of the images that a direction makes.

        Raises:
            ValueError: There is no such direction.
        """
        return self.second if check_direction(direction) == "forward" else self.first


TASKS: Mapping[str, Task] = MappingProxyType(
    {
        task.name: task
        for task in (
            Task("facades", "House fronts", "label drawings", "photos", FACADES),
            Task("faces", "Faces", "photos", "pencil sketches", grey=True),
            Task("streets", "Streets", "label drawings", "photos", STREETS),
        )
    }
)


def check_direction(direction: str) -> Direction:
    """Return a direction.

    Raises:
        ValueError: There is no such direction.

    >>> check_direction("backward")
    'backward'
    """
    for name in DIRECTIONS:
        if direction == name:
            return name
    raise ValueError(f"the direction must be one of {', '.join(DIRECTIONS)}, received {direction!r}")
