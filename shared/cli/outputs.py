"""Files that a command writes: their names and kinds, never over another file unasked, and in one step."""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shared.cli.arguments import choice, choice_list
from shared.cli.errors import CommandError, UsageError
from shared.cli.inputs import Picture

if TYPE_CHECKING:
    from PIL import Image

STDOUT = "-"
#: PIL's format by the suffix of a file.
_IMAGE_FORMATS = {"png": "PNG", "jpg": "JPEG", "jpeg": "JPEG", "webp": "WEBP"}


@dataclass
class Outputs:
    """Destinations of the results of one command.

    Attributes:
        suffix: Suffix of the files without its dot.
        infix: Word between the stem of a picture and the suffix, such as `"edges"`.
        file: The file to write, if it is a single one.
        folder: Folder of the files otherwise.
        to_stdout: True writes the result to standard output instead.
        force: True replaces files that exist.
    """

    suffix: str
    infix: str
    file: Path | None = None
    folder: Path = Path()
    to_stdout: bool = False
    force: bool = False

    def __post_init__(self) -> None:
        self._reserved: set[str] = set()

    def path_for(self, picture: Picture) -> Path:
        """Return the path of the result of a picture, and reserve it.

        Raises:
            CommandError: A file of this name exists, or another picture has the same name.
        """
        path = self.file or self.folder / picture.folder / f"{picture.stem}.{self.infix}.{self.suffix}"
        name = os.path.abspath(path)
        if name in self._reserved:
            raise CommandError(f"its result would have the name of another one, {path}: use another folder.")
        if path.is_dir():
            raise CommandError(f"{path} is a folder, so that no file can have this name.")
        if not self.force and os.path.lexists(path):
            raise CommandError(f"{path} exists already: --force replaces it.")
        self._reserved.add(name)
        return path


def add_output_options(
    parser: argparse.ArgumentParser, infix: str, formats: Sequence[str] = ("png", "jpg", "webp")
) -> None:
    """Add the options about files to write.

    Args:
        parser: Parser of a command.
        infix: See `Outputs`.
        formats: Suffixes of the kinds of files, the default first.
    """
    group = parser.add_argument_group("where results go")
    group.add_argument(
        "-o",
        "--output",
        metavar="FILE|FOLDER",
        help=f"a file for one picture, a folder for several, or - for stdout; by default "
        f"NAME.{infix}.{formats[0]} in the current folder",
    )
    group.add_argument(
        "-f",
        "--format",
        type=choice(formats),
        metavar=choice_list(formats),
        help=f"kind of file, {formats[0]} by default; the ending of -o FILE decides as well",
    )
    group.add_argument("--force", action="store_true", help="replace files that exist")
    group.add_argument("-0", "--null", action="store_true", help="end each printed path with a zero byte")
    group.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.set_defaults(infix=infix, formats=tuple(formats))


def choose_outputs(arguments: argparse.Namespace, pictures: Sequence[Picture]) -> Outputs:
    """Return the destinations that the options of a command ask for.

    Args:
        arguments: Values of the options of `add_output_options`.
        pictures: Pictures of the command, at least one.

    Raises:
        UsageError: The options contradict each other, or do not fit the number of pictures.
        CommandError: The folder cannot be made.
    """
    target: str | None = arguments.output
    from_pipe = [picture.label for picture in pictures] == ["(standard input)"]
    if target == STDOUT or (target is None and from_pipe):
        return _standard_output(arguments, len(pictures))
    suffix = arguments.format or arguments.formats[0]
    outputs = Outputs(suffix, arguments.infix, force=arguments.force)
    if target is None:
        return outputs
    ending = os.path.splitext(target)[1].lower().removeprefix(".")
    if not ending or target.endswith(("/", os.sep)) or os.path.isdir(target):
        outputs.folder = _make_folder(Path(target))
        return outputs
    kinds = ", ".join(arguments.formats)
    ending = "jpg" if ending == "jpeg" else ending
    if ending not in arguments.formats:
        raise UsageError(f"-o {target}: results are written as {kinds}; a folder ends with a /.")
    if arguments.format not in (None, ending):
        raise UsageError(f"-o {target} and --format {arguments.format} are two kinds of file: leave one out.")
    if len(pictures) > 1:
        raise UsageError(f"-o {target} is one file, but there are {len(pictures)} pictures: use -o FOLDER/.")
    _make_folder(Path(target).parent)
    outputs.suffix, outputs.file = ending, Path(target)
    return outputs


def encode(content: Image.Image | str | bytes, suffix: str) -> bytes:
    """Return the content of a file.

    Args:
        content: Image, text, or the bytes themselves.
        suffix: Suffix of the file, which is the kind of image.
    """
    from shared.core.images import encode_image

    if isinstance(content, bytes):
        return content
    if isinstance(content, str):
        return content.encode()
    kind = _IMAGE_FORMATS[suffix]
    return encode_image(content.convert("RGB") if kind == "JPEG" and content.mode == "P" else content, kind)


def write_file(path: Path, data: bytes) -> None:
    """Write a file in one step: at any time there is the whole file, or what was there before.

    Raises:
        CommandError: It cannot be written.
    """
    draft = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(draft, "xb") as file:
                file.write(data)
            os.replace(draft, path)
        except BaseException:
            with contextlib.suppress(OSError):
                draft.unlink()
            raise
    except OSError as error:
        raise CommandError(f"{path} cannot be written ({error.strerror}).") from error


def write_standard_output(data: bytes) -> None:
    """Write bytes to standard output."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _standard_output(arguments: argparse.Namespace, pictures: int) -> Outputs:
    if pictures > 1:
        raise UsageError(f"-o - takes one picture, but there are {pictures}: use -o FOLDER/.")
    if arguments.json or arguments.null:
        raise UsageError("The picture itself goes to standard output: leave --json and --null out.")
    if sys.stdout.isatty():
        name = f"{arguments.infix}.{arguments.formats[0]}"
        raise UsageError(f"The picture would go to the terminal: add > {name} or -o FILE.")
    return Outputs(arguments.format or arguments.formats[0], arguments.infix, to_stdout=True)


def _make_folder(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"The folder {folder} cannot be made ({error.strerror}).") from error
    return folder
