"""Command-line arguments that several trainings share."""

from __future__ import annotations

import argparse

from shared.retrieval.descriptor.backbones import EXTRACTORS


def add_extractor_arguments(parser: argparse.ArgumentParser, *, default: str = "both") -> None:
    """Add the arguments that select an extractor, its weights and its device.

    Args:
        parser: Parser of the training.
        default: Default extractor.
    """
    parser.add_argument("--engine", choices=list(EXTRACTORS), default=default, help="backbones (%(default)s)")
    parser.add_argument(
        "--weights", nargs="+", metavar="FOLDER", help="weights of each backbone, if not the default"
    )
    parser.add_argument("--device", help="device of the backbones; by default the best available")


def add_seed_argument(parser: argparse.ArgumentParser) -> None:
    """Add the argument for the seed of everything random."""
    parser.add_argument("--seed", type=int, default=0, help="seed of everything random (%(default)s)")


def add_image_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments for the images to learn from and for the weight folder to write."""
    parser.add_argument(
        "--photos", nargs="+", required=True, help="folders, ZIP archives, photos or lists of these"
    )
    parser.add_argument("--out", required=True, metavar="FOLDER", help="weight folder, by name or path")
