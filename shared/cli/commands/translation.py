"""Commands `draw`, `paint` and `colorize`: photos to drawings and paintings, grey pictures to color."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from shared.cli.arguments import (
    add_engine_option,
    add_picture_arguments,
    check_engine,
    choice,
    choice_list,
    number,
)
from shared.cli.batch import FileContent, write_results
from shared.cli.command import Command
from shared.cli.console import Console
from shared.cli.inputs import read_picture
from shared.cli.outputs import add_output_options

if TYPE_CHECKING:
    from PIL import Image

    from shared.translation.result import Translation

GROUP = "Remake pictures"
PHOTO, DRAWING = "photo", "drawing"


def add_draw_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `draw`."""
    from shared.translation.drawing.styles import STYLES

    add_picture_arguments(parser)
    add_engine_option(parser)
    parser.add_argument(
        "--style",
        type=choice(STYLES),
        metavar=choice_list(STYLES),
        default=next(iter(STYLES)),
        help="material (default: %(default)s)",
    )
    parser.add_argument(
        "--detail",
        type=number(0, 2),
        default=1.0,
        metavar="X",
        help="0 draws outlines only, 1 as usual (default), 2 every stroke",
    )
    parser.add_argument(
        "--darkness",
        type=number(0.3, 2),
        default=1.0,
        metavar="X",
        help="strength of lines and shading, 0.3 to 2 (default: 1)",
    )
    add_output_options(parser, "drawing")


def draw(arguments: argparse.Namespace, console: Console) -> int:
    """Draw all pictures."""

    def load() -> Callable[[Image.Image], Translation]:
        from shared.translation.drawing.sketcher import Sketcher

        check_engine(arguments.engine, Sketcher.ENGINES)
        sketcher = Sketcher.load(arguments.engine)
        return lambda image: sketcher(image, arguments.style, arguments.detail, arguments.darkness)

    return _translate(arguments, console, load, "drawn")


def add_paint_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `paint`."""
    from shared.translation.painting.styles import DEFAULT_STYLE, STYLES

    add_picture_arguments(parser)
    add_engine_option(parser)
    parser.add_argument(
        "--style",
        type=choice(STYLES),
        default=DEFAULT_STYLE,
        metavar="NAME",
        help=f"{', '.join(STYLES)} (default: %(default)s)",
    )
    parser.add_argument("--style-image", metavar="PICTURE", help="a picture whose style to take instead")
    parser.add_argument(
        "--strength",
        type=number(0, 1),
        default=1.0,
        metavar="X",
        help="from 0, the photo itself, to 1, all paint (default)",
    )
    parser.add_argument("--keep-colors", action="store_true", help="keep the colors of the photo")
    parser.add_argument(
        "--brush", type=number(1, 4), default=1.0, metavar="X", help="width of the strokes, 1 (default) to 4"
    )
    add_output_options(parser, "painting")


def paint(arguments: argparse.Namespace, console: Console) -> int:
    """Paint all pictures."""
    style = read_picture(arguments.style_image) if arguments.style_image else arguments.style

    def load() -> Callable[[Image.Image], Translation]:
        from shared.translation.painting.stylizer import Stylizer

        check_engine(arguments.engine, Stylizer.ENGINES)
        stylizer = Stylizer.load(arguments.engine)
        return lambda image: stylizer(
            image,
            style,
            strength=arguments.strength,
            keep_colors=arguments.keep_colors,
            brush=arguments.brush,
        )

    return _translate(arguments, console, load, "painted")


def add_colorize_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `colorize`."""
    add_picture_arguments(parser)
    add_engine_option(parser)
    parser.add_argument(
        "--kind",
        type=choice([PHOTO, DRAWING]),
        metavar=choice_list([PHOTO, DRAWING]),
        default=PHOTO,
        help="what the pictures are (default: %(default)s)",
    )
    parser.add_argument(
        "--saturation",
        type=number(0, 2),
        default=1.0,
        metavar="X",
        help="strength of the colors, 0 to 2 (default: 1)",
    )
    parser.add_argument(
        "--lines",
        type=number(0, 1),
        default=0.4,
        metavar="X",
        help="share of a drawing's lines that stays, 0 to 1 (default: %(default)s)",
    )
    add_output_options(parser, "color")


def colorize(arguments: argparse.Namespace, console: Console) -> int:
    """Give all pictures colors."""

    def load() -> Callable[[Image.Image], Translation]:
        if arguments.kind == DRAWING:
            from shared.translation.drawing.coloring import SketchColorizer

            check_engine(arguments.engine, SketchColorizer.ENGINES)
            sketch_colorizer = SketchColorizer.load(arguments.engine)
            return lambda image: sketch_colorizer(image, arguments.saturation, arguments.lines)
        from shared.translation.colorization.colorizer import Colorizer

        check_engine(arguments.engine, Colorizer.ENGINES)
        colorizer = Colorizer.load(arguments.engine)
        return lambda image: colorizer(image, arguments.saturation)

    return _translate(arguments, console, load, "colored")


def _translate(
    arguments: argparse.Namespace,
    console: Console,
    load: Callable[[], Callable[[Image.Image], Translation]],
    verb: str,
) -> int:
    def load_for_files(suffix: str) -> Callable[[Image.Image], FileContent]:
        translate = load()

        def translate_to_file(image: Image.Image) -> FileContent:
            result = translate(image)
            return FileContent(result.image, result.as_dict())

        return translate_to_file

    return write_results(arguments, console, load_for_files, verb)


DRAW = Command(
    name="draw",
    group=GROUP,
    summary="Draw photos in pencil, ink or charcoal.",
    arguments="PICTURE...",
    examples=(
        ("draw photo.jpg", "writes photo.drawing.png, in pencil"),
        ("draw photo.jpg --style ink --detail 0.5 -o cover.png", "few strokes of a pen"),
        ("draw trip/ -o drawings/ --format jpg", "all photos of a folder"),
    ),
    add_arguments=add_draw_arguments,
    run=draw,
)

PAINT = Command(
    name="paint",
    group=GROUP,
    summary="Paint photos in one of 26 styles, or in the style of any picture.",
    arguments="PICTURE...",
    examples=(
        ("paint photo.jpg", "writes photo.painting.png, in blue strokes at night"),
        ("paint photo.jpg --style watercolor --strength 0.7", "a thin wash over the photo"),
        ("paint photo.jpg --style-image wallpaper.jpg -o framed.png", "the style of a picture of yours"),
    ),
    add_arguments=add_paint_arguments,
    run=paint,
)

COLORIZE = Command(
    name="colorize",
    group=GROUP,
    summary="Give black-and-white photos or drawings colors.",
    arguments="PICTURE...",
    examples=(
        ("colorize grandmother.jpg", "writes grandmother.color.png"),
        ("colorize album.zip -o album-in-color/ --saturation 1.2", "an archive of old photos"),
        ("colorize sketch.png --kind drawing", "a drawing with shading comes out best"),
    ),
    details="Colors that a picture has are turned to grey first.",
    add_arguments=add_colorize_arguments,
    run=colorize,
)
