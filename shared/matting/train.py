"""Training of matting: `python -m shared.matting.train NAME`, one of `TRAININGS`.

Each step has its own options (`--help`) and continues where it was stopped.
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.training.commands import Training, TrainingMain, run_training


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
    """Run the training that the command line names."""
    run_training("shared.matting.train", TRAININGS, arguments)


if __name__ == "__main__":
    main()
