"""Options that several trainings of retrieval have in common."""

from __future__ import annotations

import argparse

from shared.retrieval.engines import EXTRACTORS


def add_network_options(parser: argparse.ArgumentParser, *, engine: str) -> None:
    """Adds the photos to learn from, the weight folder to write, and the networks that describe photos.

    Args:
        parser: of the training.
        engine: one of `shared.retrieval.engines.EXTRACTORS`, for where the command does not say.
    """
    parser.add_argument(
        "--photos", nargs="+", required=True, help="folders, ZIP archives, photos or lists of these"
    )
    parser.add_argument("--out", required=True, metavar="FOLDER", help="weight folder, by name or path")
    parser.add_argument("--engine", choices=list(EXTRACTORS), default=engine, help="networks (%(default)s)")
    parser.add_argument(
        "--weights", nargs="+", metavar="FOLDER", help="weights of each network, if not the engine's own"
    )
