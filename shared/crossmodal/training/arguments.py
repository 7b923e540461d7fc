"""What the command lines of all trainings of joint spaces have in common."""

from __future__ import annotations

import argparse
from pathlib import Path

from shared.crossmodal.data.registry import READERS
from shared.evaluation.reports import positive_int


def dataset_argument(text: str) -> tuple[str, Path]:
    """Reads `NAME=FOLDER`, for `argparse`.

    >>> dataset_argument("flickr8k=data")
    ('flickr8k', PosixPath('data'))
    """
    name, equals, folder = text.partition("=")
    if not equals or name not in READERS:
        raise argparse.ArgumentTypeError(f"expected {'|'.join(READERS)}=FOLDER, received {text!r}")
    return name, Path(folder)


def training_parser(description: str | None, module: str, data: str) -> argparse.ArgumentParser:
    """A command line with the options that every training has; defaults that differ are for it to set.

    Args:
        description: what `--help` begins with.
        module: the module's full name.
        data: help for `--data`.

    Returns:
        A parser to which a training adds its own options.
    """
    made = argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add("--data", nargs="+", type=dataset_argument, required=True, metavar="NAME=FOLDER", help=data)
    add("--out", type=Path, required=True, metavar="FOLDER", help="of the run")
    add("--cache", type=Path, required=True, metavar="FOLDER", help="of the descriptions")
    add("--base", metavar="FOLDER", help="weights of the recognition network")
    add("--mirrored", action="store_true", help="describe every training photo mirrored as well")
    add("--batch", type=positive_int, help="(%(default)s)")
    add("--margin", type=float, help="of the ranking (%(default)s)")
    add("--hardest", type=positive_int, default=10, metavar="N", help="negatives that count (%(default)s)")
    add("--words", type=positive_int, help="of the vocabulary at most (%(default)s)")
    add("--buckets", type=positive_int, help="for letter groups (%(default)s)")
    add("--width", type=positive_int, help="of the heads (%(default)s)")
    add("--features", type=positive_int, help="of both encoders (%(default)s)")
    add("--hidden", type=positive_int, help="of the text encoder (%(default)s)")
    add("--validate-every", type=positive_int, metavar="N", help="steps (%(default)s)")
    add("--device", default="cpu", help="(%(default)s)")
    add("--seed", type=int, default=0)
    return made
