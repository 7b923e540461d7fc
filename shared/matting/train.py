"""Training of matting: `python -m shared.matting.train NAME`, one of `TRAININGS`.

Each step has its own options (`--help`) and continues where it was stopped.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

#: `main` of a step: takes the command's arguments.
TrainingMain: TypeAlias = Callable[[Sequence[str]], None]


class Training(NamedTuple):
    """Step of the training, as the command line lists it.

    Attributes:
        load: Imports the step's module and returns its `main`.
        description: One line on the result.
    """

    load: Callable[[], TrainingMain]
    description: str


def _labels() -> TrainingMain:
    from shared.matting.training.labels import main

    return main


def _truths() -> TrainingMain:
    from shared.matting.training.truths import main

    return main


def _network() -> TrainingMain:
    from shared.matting.training.network import main

    return main


TRAININGS = {
    "labels": Training(_labels, "masks of public networks for photos, as training examples"),
    "truths": Training(_truths, "true masks of a data set, as training examples"),
    "network": Training(_network, "the matting network, on training examples"),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the step that the command line names.

    Raises:
        SystemExit: There is no step of this name; the text lists all of them.
    """
    name, *remaining = list(sys.argv[1:] if arguments is None else arguments) or [""]
    if name not in TRAININGS:
        lines = [
            f"python -m shared.matting.train {key:<10}{row.description}" for key, row in TRAININGS.items()
        ]
        raise SystemExit("\n".join(["Steps of the training of shared.matting:", "", *lines]))
    TRAININGS[name].load()(remaining)


if __name__ == "__main__":
    main()
