"""Command-line options that all trainings of joint spaces share."""

from __future__ import annotations

import argparse
from pathlib import Path

from shared.crossmodal.data.registry import READERS
from shared.evaluation.reports import positive_int


def dataset_argument(text: str) -> tuple[str, Path]:
    """Parse `NAME=FOLDER`, for `argparse`.

    >>> dataset_argument("flickr8k=data")
    ('flickr8k', PosixPath('data'))
    """
    name, equals, folder = text.partition("=")
    if not equals or name not in READERS:
        raise argparse.ArgumentTypeError(f"expected {'|'.join(READERS)}=FOLDER, received {text!r}")
    return name, Path(folder)


def training_parser(description: str | None, module: str, data: str) -> argparse.ArgumentParser:
    """Return a parser with the shared options, whose defaults the training sets.

    Args:
        description: Text at the top of `--help`.
        module: Full name of the training's module.
        data: Help for `--data`.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--data", nargs="+", type=dataset_argument, required=True, metavar="NAME=FOLDER", help=data)
    add("--out", type=Path, required=True, metavar="FOLDER", help="folder of the run")
    add("--cache", type=Path, required=True, metavar="FOLDER", help="folder of cached region features")
    add("--recognition", metavar="FOLDER", help="weights of the recognition network")
    add("--mirrored", action="store_true", help="also use the region features of mirrored images")
    add("--batch", type=positive_int, metavar="N", help="images in a batch (%(default)s)")
    add("--margin", type=float, help="margin of the ranking losses (%(default)s)")
    add(
        "--hardest", type=positive_int, default=10, metavar="N", help="hard negatives in a loss (%(default)s)"
    )
    add("--words", type=positive_int, help="size limit of the vocabulary (%(default)s)")
    add("--buckets", type=positive_int, help="embedding rows of letter n-grams (%(default)s)")
    add("--width", type=positive_int, help="width of the heads (%(default)s)")
    add("--features", type=positive_int, help="features of both encoders (%(default)s)")
    add("--hidden", type=positive_int, help="hidden units of the text encoder (%(default)s)")
    add("--validate-every", type=positive_int, metavar="N", help="steps between validations (%(default)s)")
    add("--device", default="cpu", help="device of the training (%(default)s)")
    add("--seed", type=int, default=0, help="seed of everything random (%(default)s)")
    return parser
