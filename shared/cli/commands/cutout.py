"""Command `cutout`: the main subject of photos without their background."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from shared.cli.arguments import add_picture_arguments, color
from shared.cli.batch import FileContent, write_results
from shared.cli.command import Command
from shared.cli.console import Console
from shared.cli.errors import UsageError
from shared.cli.inputs import read_picture
from shared.cli.outputs import add_output_options

if TYPE_CHECKING:
    from PIL import Image

#: Share of sure pixels below which a photo may have no main subject.
DOUBT = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_picture_arguments(parser)
    background = parser.add_mutually_exclusive_group()
    background.add_argument(
        "--background", type=color, metavar="COLOR", help="a color behind the subject; by default nothing"
    )
    background.add_argument("--scene", metavar="PICTURE", help="another picture behind the subject")
    background.add_argument("--mask", action="store_true", help="the mask alone: white is the subject")
    add_output_options(parser, "cutout", ("png", "webp", "jpg"))


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Cut out the main subject of all pictures."""
    background = read_picture(arguments.scene) if arguments.scene else arguments.background

    def load(suffix: str) -> Callable[[Image.Image], FileContent]:
        if suffix == "jpg" and not (arguments.mask or background):
            raise UsageError("JPEG has no transparency: use --format png or webp, or --background white.")
        from shared.matting.subject import SubjectMatting

        matting = SubjectMatting.load()

        def cut_out(image: Image.Image) -> FileContent:
            matte = matting(image)
            if arguments.mask:
                content = matte.alpha
            else:
                content = matte.composite(background) if background else matte.cutout()
            note = "" if matte.confidence >= DOUBT else "It is not clear what the main subject is."
            return FileContent(content, matte.as_dict(), note)

        return cut_out

    return write_results(arguments, console, load, "cut out")


CUTOUT = Command(
    name="cutout",
    group="Remake pictures",
    summary="Cut people, animals and things out of photos, hair by hair.",
    arguments="PICTURE...",
    examples=(
        ("cutout dog.jpg", "writes dog.cutout.png on nothing"),
        ("cutout dog.jpg --background white -o dog-on-white.jpg", "on a color"),
        ("cutout team/ -r --scene beach.jpg -o beach/", "a folder of people, all at the beach"),
    ),
    add_arguments=add_arguments,
    run=run,
)
