"""Tasks of the learned translations between two sets of images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

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
        side: Shorter side in pixels of the images that the networks learned from.
    """

    name: str
    title: str
    first: str
    second: str
    side: int = 128

    def source(self, direction: Direction) -> str:
        """Return the name of the images that a direction starts from.

        Raises:
            ValueError: There is no such direction.
        """
        return self.first if check_direction(direction) == "forward" else self.second

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
            Task("facades", "House fronts", "label drawings", "photos"),
            Task("faces", "Faces", "photos", "pencil sketches"),
            Task("streets", "Streets", "label drawings", "photos"),
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
