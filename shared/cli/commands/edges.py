"""Command `edges`: photos to line drawings."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from shared.cli.arguments import add_engine_option, add_picture_arguments, choice, choice_list, number
from shared.cli.batch import FileContent, write_results
from shared.cli.command import Command
from shared.cli.console import Console
from shared.cli.errors import UsageError
from shared.cli.outputs import add_output_options

if TYPE_CHECKING:
    from PIL import Image


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    from shared.edges.curves import TOLERANCE
    from shared.edges.edge_map import STYLES
    from shared.edges.engines import ENGINES, SCALES

    add_picture_arguments(parser)
    add_engine_option(parser, ENGINES)
    parser.add_argument(
        "--style",
        type=choice(STYLES),
        metavar=choice_list(STYLES),
        default=STYLES[0],
        help="colors of a picture (default: white-on-black)",
    )
    parser.add_argument("--thin", action="store_true", help="lines of one pixel instead of soft edges")
    parser.add_argument(
        "--threshold",
        type=number(0, 1),
        default=0.0,
        metavar="X",
        help="strength from which a thin line is drawn, 0 to 1: higher draws fewer; 0 is automatic (default)",
    )
    parser.add_argument(
        "--detail",
        type=choice(SCALES),
        metavar=choice_list(SCALES),
        default="standard",
        help="high looks at two scales, and takes three times as long (default: %(default)s)",
    )
    parser.add_argument(
        "--simplification",
        type=number(0.2, 5),
        default=TOLERANCE,
        metavar="X",
        help="pixels by which a curve of an SVG may miss its line (default: %(default)s)",
    )
    add_output_options(parser, "edges", ("png", "svg", "jpg", "webp"))


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Draw the edges of all pictures."""

    def load(suffix: str) -> Callable[[Image.Image], FileContent]:
        if suffix == "jpg" and arguments.style == "transparent":
            raise UsageError("JPEG has no transparency: use --format png or webp, or another --style.")
        from shared.edges.detector import EdgeDetector
        from shared.edges.engines import SCALES

        detector = EdgeDetector.load(arguments.engine)

        def draw(image: Image.Image) -> FileContent:
            edges = detector(image, arguments.threshold or None, SCALES[arguments.detail])
            if suffix == "svg":
                content: str | bytes | Image.Image = edges.svg(tolerance=arguments.simplification)
            else:
                content = edges.draw(arguments.style, thin=arguments.thin)
            return FileContent(content, edges.as_dict(), edges.note)

        return draw

    return write_results(arguments, console, load, "drawn")


EDGES = Command(
    name="edges",
    group="Remake pictures",
    summary="Turn photos into line drawings, with soft edges or thin lines, as PNG or SVG.",
    arguments="PICTURE...",
    examples=(
        ("edges photo.jpg", "writes photo.edges.png"),
        ("edges photo.jpg -o drawing.svg", "smooth lines for a plotter or Inkscape"),
        ("edges 'trip/*.jpg' --thin --style black-on-white -o drawings/", "a folder of drawings"),
    ),
    add_arguments=add_arguments,
    run=run,
)
