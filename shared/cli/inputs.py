"""Pictures that a command was given: files, folders, patterns, ZIP archives, and bytes on standard input."""

from __future__ import annotations

import glob
import os
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from shared.cli.errors import UsageError

if TYPE_CHECKING:  # which bring PIL and NumPy
    from PIL import Image

    from shared.core.image_files import ImageFile

STDIN = "-"
_PATTERN_CHARACTERS = "*?["


@dataclass(frozen=True)
class Picture:
    """Picture to work on.

    Attributes:
        label: Path, as messages and results show it.
        stem: File name without folders and suffix, from which the names of results are made.
        folder: Folder below the one that was named, for results of a folder with folders in it.
        open_image: Decodes it: mode RGB, upright.
    """

    label: str
    stem: str
    folder: PurePath
    open_image: Callable[[], Image.Image] = field(repr=False)


@dataclass
class PictureList:
    """Pictures in the order in which they were named, and sentences about arguments that are none."""

    pictures: list[Picture] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def list_pictures(arguments: Sequence[str], *, recursive: bool) -> PictureList:
    """Find the pictures that arguments name; one that is named twice is listed once.

    Args:
        arguments: Paths of pictures, folders and ZIP archives, patterns, or `-`.
        recursive: True takes the pictures in folders of folders as well.

    Raises:
        UsageError: Standard input is asked for and is a terminal.
    """
    pictures: dict[str, Picture] = {}
    problems: list[str] = []
    for path in expand(arguments, problems):
        try:
            for picture in _list_source(path, recursive):
                pictures.setdefault(os.path.abspath(picture.label), picture)
        except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
            problems.append(f"{error}" if error.errno is None else f"{path}: {error.strerror}")
        except _unreadable() as error:
            problems.append(f"{path}: The archive cannot be read ({error}).")
    return PictureList(list(pictures.values()), problems)


def read_picture(argument: str) -> Image.Image:
    """Decode the only picture that an argument names.

    Args:
        argument: Path, or `-`.

    Raises:
        ImageError: It cannot be used.
        UsageError: It names none, or several.
    """
    picture_list = list_pictures([argument], recursive=False)
    if picture_list.problems:
        raise UsageError(picture_list.problems[0])
    if len(picture_list.pictures) != 1:
        raise UsageError(f"{argument}: one picture is expected here, and these are several.")
    return picture_list.pictures[0].open_image()


def expand(arguments: Iterable[str], problems: list[str]) -> Iterator[str]:
    """Yield paths, those that match a pattern in its place; shells of Windows leave patterns to programs.

    Args:
        arguments: Paths and patterns. A pattern that is the name of a file stands for that file.
        problems: Sentences about patterns without a match and paths that do not exist are added here.
    """
    for argument in arguments:
        if argument == STDIN or os.path.lexists(argument):
            yield argument
            continue
        is_pattern = any(character in argument for character in _PATTERN_CHARACTERS)
        matches = sorted(glob.glob(os.path.expanduser(argument), recursive=True)) if is_pattern else []
        if not matches:
            reason = "no file matches this pattern." if is_pattern else "there is no such file or folder."
            problems.append(f"{argument}: {reason}")
        yield from matches


def read_standard_input() -> bytes:
    """Return the file on standard input, within the limits of pictures.

    Raises:
        ImageError: It is empty or too large.
        UsageError: It is a terminal.
    """
    from shared.core.images import read_file

    if sys.stdin.isatty():
        raise UsageError("- reads a picture from standard input, which is a terminal: add < photo.jpg")
    return read_file(sys.stdin.buffer)


def _list_source(path: str, recursive: bool) -> Iterator[Picture]:
    from shared.core.image_files import ImageFile, read_images

    if path == STDIN:
        yield Picture("(standard input)", "stdin", PurePath(), _read_standard_input_image)
    elif os.path.isdir(path):
        files = read_images([path]) if recursive else [ImageFile(file) for file in _images_in(Path(path))]
        if not files:
            deeper = "" if recursive else " (its folders are searched with -r)"
            raise FileNotFoundError(f"{path}: there is no picture in this folder{deeper}.")
        for file in files:
            yield _picture(file, file.path.parent.relative_to(path))
    elif path.lower().endswith(".zip"):
        yield from _list_archive(path)
    else:
        yield _picture(ImageFile(Path(path)), PurePath())


def _list_archive(path: str) -> Iterator[Picture]:
    from shared.core.file_names import is_system_file, member_names
    from shared.core.image_files import ImageFile, is_image

    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    pictures = [
        Picture(
            f"{path}/{name}",
            PurePath(name).stem,
            PurePath(),
            ImageFile(Path(path), member.filename).open_image,
        )
        for member, name in sorted(zip(members, member_names(members), strict=True), key=lambda pair: pair[1])
        if is_image(name) and not is_system_file(name)
    ]
    if not pictures:
        raise FileNotFoundError(f"{path}: there is no picture in this archive.")
    yield from pictures


def _images_in(folder: Path) -> list[Path]:
    from shared.core.file_names import is_system_file
    from shared.core.image_files import is_image

    return [path for path in sorted(folder.iterdir()) if is_image(path) and not is_system_file(path.name)]


def _picture(file: ImageFile, folder: PurePath) -> Picture:
    return Picture(str(file.path), file.name, folder, file.open_image)


def _read_standard_input_image() -> Image.Image:
    from shared.core.images import open_image

    return open_image(read_standard_input())


def _unreadable() -> tuple[type[Exception], ...]:
    from shared.core.uploads import UNREADABLE

    return UNREADABLE
