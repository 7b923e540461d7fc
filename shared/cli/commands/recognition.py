"""Commands `classify` and `segment`: what photos show, and where."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from shared.cli.arguments import (
    add_engine_option,
    add_picture_arguments,
    add_text_options,
    add_top_k_option,
    choice,
    choice_list,
    percent,
)
from shared.cli.batch import FileContent, TextAnswer, print_results, write_results
from shared.cli.command import Command
from shared.cli.console import Console
from shared.cli.errors import UsageError
from shared.cli.outputs import add_output_options

if TYPE_CHECKING:
    from PIL import Image

    from shared.recognition.segmentation import Segmentation

GROUP = "Understand pictures"
#: Classifier with whose answers the thresholds for doubtful regions were chosen.
REGION_CLASSIFIER = "cfn"
REGIONS, CLASSES = "regions", "classes"
NOTHING = "nothing that this engine knows"


def add_classify_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `classify`."""
    from shared.recognition.engines import CLASSIFIERS

    add_picture_arguments(parser)
    add_engine_option(parser, CLASSIFIERS)
    add_top_k_option(parser, 5, "number of answers")
    add_text_options(parser)


def classify(arguments: argparse.Namespace, console: Console) -> int:
    """Print what all pictures show."""

    def load() -> Callable[[Image.Image], TextAnswer]:
        from shared.recognition.classifier import Classifier

        classifier = Classifier.load(arguments.engine)

        def answer(image: Image.Image) -> TextAnswer:
            result = classifier(image, arguments.top_k)
            lines = [f"{percent(entry.probability)}  {entry.label}" for entry in result.predictions]
            if result.kind:  # the class is in doubt, and its kind is not
                lines.insert(0, f"      a kind of {result.kind}, perhaps:")
            return TextAnswer(lines, result.as_dict())

        return answer

    return print_results(arguments, console, load, "classified")


def add_segment_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `segment`."""
    from shared.recognition.engines import SEGMENTERS

    add_picture_arguments(parser)
    add_engine_option(parser, SEGMENTERS)
    parser.add_argument(
        "--show",
        type=choice([REGIONS, CLASSES]),
        metavar=choice_list([REGIONS, CLASSES]),
        default=REGIONS,
        help="regions: the photo with its regions in colors (default); classes: a PNG of class numbers",
    )
    add_output_options(parser, "regions")


def segment(arguments: argparse.Namespace, console: Console) -> int:
    """Print what is where in all pictures, or write pictures of it."""

    def load() -> Callable[[Image.Image], Segmentation]:
        from shared.recognition.classifier import Classifier
        from shared.recognition.segmenter import Segmenter
        from shared.recognition.unknown_regions import segment_and_check

        segmenter = Segmenter.load(arguments.engine)
        classifier = cache(lambda: Classifier.load(REGION_CLASSIFIER))
        return lambda image: segment_and_check(segmenter, image, classifier)

    def load_answer() -> Callable[[Image.Image], TextAnswer]:
        find_regions = load()

        def answer(image: Image.Image) -> TextAnswer:
            result = find_regions(image)
            lines = [f"{percent(region.area_fraction)}  {region.label}" for region in result.regions]
            return TextAnswer(lines or [f"      {NOTHING}"], result.as_dict())

        return answer

    def load_drawing(suffix: str) -> Callable[[Image.Image], FileContent]:
        if arguments.show == CLASSES and suffix != "png":
            raise UsageError("--show classes needs a PNG, which keeps the numbers: leave --format out.")
        find_regions = load()

        def draw(image: Image.Image) -> FileContent:
            result = find_regions(image)
            shares = (f"{region.label} {region.area_fraction:.0%}" for region in result.regions)
            content = result.id_map() if arguments.show == CLASSES else result.overlay()
            return FileContent(content, result.as_dict(), ", ".join(shares) or NOTHING)

        return draw

    if arguments.output is None:
        return print_results(arguments, console, load_answer, "searched")
    return write_results(arguments, console, load_drawing, "searched")


CLASSIFY = Command(
    name="classify",
    group=GROUP,
    summary="Tell what photos show: the likeliest of 1,000 kinds of animals, plants, things and places.",
    arguments="PICTURE...",
    examples=(
        ("classify cat.jpg", "the five likeliest, with their probabilities"),
        ("classify -k 1 trip/*.jpg", "one line a photo"),
        ("classify -r trip/ --json > trip.jsonl", "for other programs"),
    ),
    add_arguments=add_classify_arguments,
    run=classify,
)

SEGMENT = Command(
    name="segment",
    group=GROUP,
    summary="Tell where people, animals and things are, with the share of each in the photo's area.",
    arguments="PICTURE...",
    examples=(
        ("segment dog.jpg", "prints what is in it, the largest first"),
        ("segment dog.jpg -o regions.png", "also draws it, in colors"),
        ("segment street.jpg --engine streets --json", "road, cars, people, with boxes in pixels"),
    ),
    details="With -o pictures of the regions are written.",
    add_arguments=add_segment_arguments,
    run=segment,
)
