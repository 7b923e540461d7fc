"""Command `describe`: sentences and tags for photos."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from shared.cli.arguments import (
    add_engine_option,
    add_picture_arguments,
    add_text_options,
    add_top_k_option,
    percent,
)
from shared.cli.batch import TextAnswer, print_results
from shared.cli.command import Command
from shared.cli.console import Console

if TYPE_CHECKING:
    from PIL import Image


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    from shared.crossmodal.engines import ENGINES

    add_picture_arguments(parser)
    add_engine_option(parser, ENGINES)
    add_top_k_option(parser, 3, "number of sentences")
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

    def load() -> Callable[[Image.Image], TextAnswer]:
        from shared.crossmodal.describer import ImageDescriber

        describe = ImageDescriber.load(arguments.engine)

        def answer(image: Image.Image) -> TextAnswer:
            ranking = describe(image, arguments.sentence, arguments.top_k)
            if arguments.tags:
                lines = [f"{percent(tag.probability)}  {tag.name}" for tag in ranking.tags]
                lines = lines or ["      nothing sure"]
            else:
                lines = [f"{percent(entry.probability)}  {entry.text}" for entry in ranking.sentences]
            return TextAnswer(lines, ranking.as_dict())

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
