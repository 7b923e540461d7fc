"""Options that several commands share, and checks of the values of options."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from shared.cli.errors import UsageError


def add_picture_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the pictures of a command, and how folders are read."""
    parser.add_argument(
        "pictures",
        nargs="+",
        metavar="PICTURE",
        help="picture, folder of pictures, ZIP archive, pattern such as 'trip/*.jpg', or - for stdin",
    )
    parser.add_argument("-r", "--recursive", action="store_true", help="search folders in folders as well")
    parser.add_argument(
        "--threads", type=whole_number(1, 1024), metavar="N", help="processor cores to use; by default all"
    )


def add_engine_option(parser: argparse.ArgumentParser, engines: Mapping[str, Any] | None = None) -> None:
    """Add the choice of an engine.

    Args:
        parser: Parser of a command.
        engines: Engines by name, the default first; None leaves the check of the name to the predictor, where
            the list is slow to import.
    """
    if engines is None:
        parser.add_argument("--engine", metavar="NAME", help="another network than the usual one")
        return
    rows = "; ".join(f"{name}: {engine.title}" for name, engine in engines.items())
    parser.add_argument(
        "--engine",
        type=choice(engines),
        metavar=choice_list(engines),
        default=next(iter(engines)),
        help=f"{rows} (default: %(default)s)",
    )


def check_engine(name: str | None, engines: Mapping[str, Any]) -> None:
    """Check the name of an engine whose option has no list of choices.

    Raises:
        UsageError: There is no such engine.
    """
    if name is not None and name not in engines:
        raise UsageError(
            f"There is no engine {name!r}: choose {' or '.join(engines)}, or leave --engine out."
        )


def add_top_k_option(
    parser: argparse.ArgumentParser, default: int, text: str, *, largest: int = 1000
) -> None:
    """Add the number of results.

    Args:
        parser: Parser of a command.
        default: Number without the option.
        text: What is counted, for the help.
        largest: Largest number.
    """
    parser.add_argument(
        "-k",
        "--top-k",
        type=whole_number(1, largest),
        default=default,
        metavar="N",
        help=f"{text} (default: %(default)s)",
    )


def add_text_options(parser: argparse.ArgumentParser) -> None:
    """Add the form of results that are text."""
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")


def number(low: float, high: float) -> Callable[[str], float]:
    """Return a converter of an option's text to a number in a range."""

    def convert(text: str) -> float:
        value = _parse(float, text)
        if value is None or not low <= value <= high:
            raise argparse.ArgumentTypeError(f"expected a number from {low:g} to {high:g}, received {text!r}")
        return value

    return convert


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """Return a converter of an option's text to a whole number in a range."""

    def convert(text: str) -> int:
        value = _parse(int, text)
        if value is None or not low <= value <= high:
            raise argparse.ArgumentTypeError(
                f"expected a whole number from {low} to {high}, received {text!r}"
            )
        return value

    return convert


def choice(names: Iterable[str]) -> Callable[[str], str]:
    """Return a converter of an option's text to one of some names, with hyphens or without.

    >>> choice(["pencil", "white on black"])("white-on-black")
    'white on black'
    """
    spellings = {name.lower().replace(" ", "-"): name for name in names}

    def convert(text: str) -> str:
        spelling = text.lower().replace(" ", "-")
        if spelling not in spellings:
            similar = difflib.get_close_matches(spelling, spellings, 1)
            guess = f"; do you mean {similar[0]}?" if similar else ""
            raise argparse.ArgumentTypeError(
                f"expected one of {', '.join(spellings)}, received {text!r}{guess}"
            )
        return spellings[spelling]

    return convert


def choice_list(names: Iterable[str]) -> str:
    """Return the names of a choice as a help text shows them."""
    return "{" + ",".join(name.replace(" ", "-") for name in names) + "}"


def color(text: str) -> str:
    """Return an option's text if it names a color.

    Raises:
        argparse.ArgumentTypeError: It does not.
    """
    from PIL import ImageColor

    try:
        ImageColor.getrgb(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected a color such as white or '#ff8800', received {text!r}"
        ) from None
    return text


def percent(probability: float) -> str:
    """Return a probability for an aligned column.

    >>> percent(0.0712), percent(1)
    ('  7%', '100%')
    """
    return f"{probability:4.0%}"


def _parse(kind: Callable[[str], Any], text: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        return None
