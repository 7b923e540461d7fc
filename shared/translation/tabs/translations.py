"""Learned translations as tasks of the page and of the API: a set of images, a direction, and a system."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from shared.core.engines import Engine
from shared.core.errors import InputError
from shared.core.models import has_weights
from shared.translation.engines import TRANSLATORS
from shared.translation.tasks import TASKS, Direction
from shared.translation.translator_rows import SYSTEMS


@dataclass(frozen=True)
class LearnedTranslation:
    """Translation from one set of images to another.

    Attributes:
        name: Identifier in the API.
        title: Images that it starts from, in the words of a visitor.
        task: Name of a row of `TASKS`.
        direction: Direction between the two sets.
    """

    name: str
    title: str
    task: str
    direction: Direction

    def engine(self, system: str) -> str:
        """Return the name of the engine of a system.

        Raises:
            InputError: The system was not trained for this translation.
        """
        name = f"{self.task}-{system}"
        if name not in TRANSLATORS:
            names = ", ".join(systems(self.task)) or "none yet"
            raise InputError(f"The networks for this task are {names}; received {system!r}.")
        return name


#: Translations by name.
TRANSLATIONS: Mapping[str, LearnedTranslation] = MappingProxyType(
    {
        row.name: row
        for row in (
            LearnedTranslation("labels-to-facade", "House front", "facades", "forward"),
            LearnedTranslation("labels-to-street", "Street", "streets", "forward"),
            LearnedTranslation("sketch-to-face", "Face", "faces", "backward"),
            LearnedTranslation("facade-to-labels", "House front", "facades", "backward"),
            LearnedTranslation("street-to-labels", "Street", "streets", "backward"),
            LearnedTranslation("face-to-sketch", "Face", "faces", "forward"),
        )
    }
)


def systems(task: str) -> dict[str, Engine[Any]]:
    """Return the engines of a task whose weights are there, by the name of their system, such as `"nest"`.

    Args:
        task: Name of a row of `TASKS`.
    """
    engines = {name: TRANSLATORS.get(f"{task}-{name}") for name in SYSTEMS}
    return {name: engine for name, engine in engines.items() if engine and has_weights(engine)}


def available_translations() -> dict[str, LearnedTranslation]:
    """Return the translations that at least one engine can do, by name."""
    tasks = {task for task in TASKS if systems(task)}
    return {name: row for name, row in TRANSLATIONS.items() if row.task in tasks}
