"""Runs of a predictor over the pictures of a command: one that cannot be used does not stop the others."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from shared.cli.console import Console
from shared.cli.errors import CommandError, UsageError
from shared.cli.inputs import Picture, list_pictures
from shared.cli.outputs import choose_outputs, encode, write_file, write_standard_output

if TYPE_CHECKING:
    from PIL import Image

DONE, INCOMPLETE = 0, 1
#: Pictures that are decoded in advance; the largest take 150 MB each.
_DECODED_AHEAD = 2


@dataclass(frozen=True)
class FileContent:
    """Result of a picture for a file.

    Attributes:
        content: Image or text of the file.
        values: Plain values about it, for JSON.
        note: Sentence about it for people.
    """

    content: Image.Image | str | bytes
    values: dict[str, Any] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class TextAnswer:
    """Result of a picture in text.

    Attributes:
        lines: Lines for people.
        values: The same as plain values, for JSON.
    """

    lines: Sequence[str]
    values: dict[str, Any]


def write_results(
    arguments: argparse.Namespace,
    console: Console,
    load: Callable[[str], Callable[[Image.Image], FileContent]],
    verb: str,
) -> int:
    """Make a file of each picture of a command, and print its path.

    Args:
        arguments: Values of the options for pictures and for outputs.
        console: Output of the command.
        load: Loads the function of an image that makes the result, for files of a suffix; raises UsageError
            if they cannot hold it. It is not called without a picture.
        verb: Participle of the work for the summary, such as "drawn".

    Returns:
        Exit code.

    Raises:
        UsageError: Options contradict each other.
        CommandError: Nothing can be written.
    """
    pictures = _pictures(arguments, console)
    failed = arguments.problems
    if not pictures:
        return INCOMPLETE
    outputs = choose_outputs(arguments, pictures)
    targets = {}
    for picture in pictures:
        try:
            targets[picture.label] = None if outputs.to_stdout else outputs.path_for(picture)
        except CommandError as error:
            failed += 1
            console.error(f"{picture.label}: {error}")
    waiting = [picture for picture in pictures if picture.label in targets]
    _use_threads(arguments.threads)
    function = load(outputs.suffix) if waiting else None

    def finish(picture: Picture, image: Image.Image) -> None:
        assert function is not None
        result = function(image)
        data, path = encode(result.content, outputs.suffix), targets[picture.label]
        if result.note:
            console.note(f"{picture.label}: {result.note}")
        if path is None:
            write_standard_output(data)
            return
        write_file(path, data)
        console.result(str(path), {"path": picture.label, "output": str(path), **result.values})

    failures = _run(waiting, finish, console, arguments.debug)
    console.summary(len(waiting) - failures, failed + failures, verb)
    return INCOMPLETE if failed + failures else DONE


def print_results(
    arguments: argparse.Namespace,
    console: Console,
    load: Callable[[], Callable[[Image.Image], TextAnswer]],
    verb: str,
) -> int:
    """Print lines about each picture of a command, after its path if there are several pictures.

    Args:
        arguments: Values of the options for pictures.
        console: Output of the command.
        load: Loads the function of an image that makes the answer.
        verb: Participle of the work for the summary, such as "described".

    Returns:
        Exit code.
    """
    pictures = _pictures(arguments, console)
    failed = arguments.problems
    if not pictures:
        return INCOMPLETE
    _use_threads(arguments.threads)
    function = load()

    def finish(picture: Picture, image: Image.Image) -> None:
        answer = function(image)
        if console.json_lines:
            console.result("", {"path": picture.label, **answer.values})
            return
        for line in answer.lines:
            console.result(f"{picture.label}: {line}" if len(pictures) > 1 else line, {})

    failures = _run(pictures, finish, console, arguments.debug)
    console.summary(len(pictures) - failures, failed + failures, verb)
    return INCOMPLETE if failed + failures else DONE


def _use_threads(threads: int | None) -> None:
    """Limit networks to a number of cores; must be called before they are loaded."""
    if threads is not None:
        import torch

        torch.set_num_threads(threads)


def _pictures(arguments: argparse.Namespace, console: Console) -> list[Picture]:
    """Return the pictures of a command, and report the arguments that are none."""
    picture_list = list_pictures(arguments.pictures, recursive=arguments.recursive)
    for problem in picture_list.problems:
        console.error(problem)
    arguments.problems = len(picture_list.problems)
    return picture_list.pictures


def _run(
    pictures: Sequence[Picture],
    finish: Callable[[Picture, Image.Image], None],
    console: Console,
    debug: bool,
) -> int:
    """Apply a function to all pictures and return the number of failures, each reported in one line."""
    failures = 0
    console.advance(0, len(pictures))
    for index, (picture, image) in enumerate(_decoded(pictures), 1):
        try:
            if isinstance(image, Exception):
                raise image
            finish(picture, image)
        except (BrokenPipeError, UsageError):
            raise
        except Exception as error:
            if debug and not _is_expected(error):
                raise
            failures += 1
            console.error(f"{picture.label}: {sentence(error)}")
        console.advance(index, len(pictures))
    console.close()
    return failures


def _decoded(pictures: Iterable[Picture]) -> Iterator[tuple[Picture, Image.Image | Exception]]:
    """Decode pictures ahead of need; an error takes the place of the image."""
    from shared.core.scheduling import prefetch

    def decode(picture: Picture) -> Image.Image | Exception:
        try:
            return picture.open_image()
        except Exception as error:
            return error

    return prefetch(pictures, decode, _DECODED_AHEAD)


def sentence(error: Exception) -> str:
    """Return the sentence that tells somebody about an error."""
    if isinstance(error, MemoryError):
        return "There is not enough memory for this picture: please make it smaller."
    if _is_expected(error):
        return str(error)
    if isinstance(error, OSError) and error.strerror:  # such as a full disk behind standard output
        return f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."
    return f"This failed unexpectedly ({type(error).__name__}: {error}); --debug shows where."


def _is_expected(error: Exception) -> bool:
    """Return True for errors whose text is a sentence for people."""
    from shared.core.errors import GenerationError, InputError
    from shared.core.images import ImageError
    from shared.core.weights import WeightsError

    return isinstance(
        error, (CommandError, UsageError, ImageError, InputError, GenerationError, WeightsError)
    )
