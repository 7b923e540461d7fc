"""Training of image translation: `python -m shared.translation.train NAME`, one of `TRAININGS`.

Each has its own options (`--help`), resumes from the checkpoint in its `--out` folder, and writes the weights
to `OUT/weights`.
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.training.commands import Training, TrainingMain, run_training


def _gan() -> TrainingMain:
    from shared.translation.training.gan import main

    return main


def _paired() -> TrainingMain:
    from shared.translation.training.paired import main

    return main


def _colorization() -> TrainingMain:
    from shared.translation.training.colorization import main

    return main


def _drawing() -> TrainingMain:
    from shared.translation.training.drawing import main

    return main


def _coloring() -> TrainingMain:
    from shared.translation.training.drawing_coloring import main

    return main


def _segmenter() -> TrainingMain:
    from shared.translation.training.paired_segmenter import main

    return main


def _painting() -> TrainingMain:
    from shared.translation.training.painting.transformer import main

    return main


def _painting_targets() -> TrainingMain:
    from shared.translation.training.painting.targets import main

    return main


def _painting_predictor() -> TrainingMain:
    from shared.translation.training.painting.predictor import main

    return main


def _familiarity() -> TrainingMain:
    from shared.translation.training.paired_familiarity import main

    return main


TRAININGS = {
    "gan": Training(_gan, "CycleGAN, Long and Nest CycleGAN on two sets of images without pairs"),
    "paired": Training(_paired, "pix2pix in both directions on pairs of images"),
    "segmenter": Training(_segmenter, "FCFN that scores translated photos of house fronts or streets"),
    "familiarity": Training(_familiarity, "out-of-distribution score of a set's inputs"),
    "drawing": Training(_drawing, "lines and tone of photos, for pencil and ink drawings"),
    "coloring": Training(_coloring, "colors of drawings"),
    "colorization": Training(_colorization, "colors of grey images"),
    "painting-targets": Training(_painting_targets, "results of a public style network, to learn from"),
    "painting": Training(_painting, "paintings in 26 styles, or in the style of any image"),
    "painting-predictor": Training(_painting_predictor, "style vectors of images"),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the training that the command line names."""
    run_training("shared.translation.train", TRAININGS, arguments)


if __name__ == "__main__":
    main()
