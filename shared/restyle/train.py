"""Training of restyling: `python -m shared.restyle.train NAME`, one of `TRAININGS`.

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


def _parsing_labels() -> TrainingMain:
    from shared.restyle.parsing.training.labels import main

    return main


def _parsing() -> TrainingMain:
    from shared.restyle.parsing.training.network import main

    return main


def _pose_labels() -> TrainingMain:
    from shared.restyle.pose.training.labels import main

    return main


def _pose() -> TrainingMain:
    from shared.restyle.pose.training.network import main

    return main


def _swapgan() -> TrainingMain:
    from shared.restyle.swap.training.network import main

    return main


TRAININGS = {
    "parsing-labels": Training(_parsing_labels, "photos with the possible classes of their pixels"),
    "parsing": Training(_parsing, "the parsing network, on such photos"),
    "pose-labels": Training(_pose_labels, "photos with the joints that public networks agree on"),
    "pose": Training(_pose, "the pose network, on such photos"),
    "swapgan": Training(_swapgan, "SwapGAN, on people with drawn classes"),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the step that the command line names.

    Raises:
        SystemExit: There is no step of this name; the text lists all of them.
    """
    name, *remaining = list(sys.argv[1:] if arguments is None else arguments) or [""]
    if name not in TRAININGS:
        lines = [
            f"python -m shared.restyle.train {key:<16}{row.description}" for key, row in TRAININGS.items()
        ]
        raise SystemExit("\n".join(["Steps of the training of shared.restyle:", "", *lines]))
    TRAININGS[name].load()(remaining)


if __name__ == "__main__":
    main()
