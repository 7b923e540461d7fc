"""Training of restyling: `python -m shared.restyle.train NAME`, one of `TRAININGS`.

Each step has its own options (`--help`) and continues where it was stopped.
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.training.commands import Training, TrainingMain, run_training


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
    """Run the training that the command line names."""
    run_training("shared.restyle.train", TRAININGS, arguments)


if __name__ == "__main__":
    main()
