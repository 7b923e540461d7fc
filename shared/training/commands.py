"""Trainings of a capability on one command line: `python -m shared.<capability>.train NAME`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

#: `main` of a training: takes the command's arguments.
TrainingMain: TypeAlias = Callable[[Sequence[str]], None]


class Training(NamedTuple):
    """Training, as the command line lists it.

    Attributes:
        load: Imports the training's module and returns its `main`.
        description: One line on the result.
    """

    load: Callable[[], TrainingMain]
    description: str


def run_training(
    module: str, trainings: Mapping[str, Training], arguments: Sequence[str] | None = None
) -> None:
    """Run the training that the command line names.

    Args:
        module: Module of the command, such as `"shared.translation.train"`.
        trainings: Trainings of the capability, by name.
        arguments: Name of a training and its arguments, by default those of this process.

    Raises:
        SystemExit: There is no training of this name; the text lists all of them.
    """
    name, *remaining = list(sys.argv[1:] if arguments is None else arguments) or [""]
    if name not in trainings:
        lines = [f"python -m {module} {key:<18}  {row.description}" for key, row in trainings.items()]
        raise SystemExit("\n".join([f"Trainings of {module.rpartition('.')[0]}:", "", *lines]))
    trainings[name].load()(remaining)
