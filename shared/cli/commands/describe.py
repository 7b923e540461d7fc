"""Command `describe`: sentences and tags for photos."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from shared.cli.arguments import (
    add_engine_option,
    add_picture_arguments,
    add_text_options,
    percent,
    whole_number,
)
from shared.cli.batch import print_results, use_threads
from shared.cli.command import Command
from shared.cli.console import Console

if TYPE_CHECKING:
    from PIL import Image


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    from shared.crossmodal.engines import ENGINES

    add_picture_arguments(parser)
    add_engine_option(parser, ENGINES)
    parser.add_argument(
        "-k",
        "--top-k",
        type=whole_number(1, 1000),
        default=3,
        metavar="N",
        help="number of sentences (default: %(default)s)",
    )
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument(
        "--sentence",
        action="append",
        metavar="TEXT",
        help="compare the photo with a sentence of yours instead; may be repeated",
    )
    choice.add_argument("--tags", action="store_true", help="print words for what is probably in it instead")
    add_text_options(parser)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Print sentences or tags for all pictures."""

    def load() -> Callable[[Image.Image], tuple[Sequence[str], dict[str, Any]]]:
        from shared.crossmodal.describer import ImageDescriber

        use_threads(arguments.threads)
        describe = ImageDescriber.load(arguments.engine)

        def answer(image: Image.Image) -> tuple[Sequence[str], dict[str, Any]]:
            ranking = describe(image, arguments.sentence, arguments.top_k)
            if arguments.tags:
                lines = [f"{percent(tag.probability)}  {tag.name}" for tag in ranking.tags]
                lines = lines or ["      nothing sure"]
            else:
                lines = [f"{percent(entry.probability)}  {entry.text}" for entry in ranking.sentences]
            return lines, ranking.as_dict()

        return answer

    return print_results(arguments, console, load, "described")


DESCRIBE = Command(
    name="describe",
    group="Understand pictures",
    summary="Write sentences about photos, each with the probability that it fits.",
    arguments="PICTURE...",
    examples=(
        ("describe photo.jpg", "the three sentences that fit best"),
        ("describe photo.jpg --sentence 'A dog runs.' --sentence 'A dog sleeps.'", "which of yours fits?"),
        ("describe -r trip/ --tags", "words for what is in each photo"),
    ),
    add_arguments=add_arguments,
    run=run,
)
