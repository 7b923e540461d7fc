"""What the command lines of all trainings of joint spaces have in common."""

from __future__ import annotations

import argparse
from pathlib import Path

from shared.core.reports import positive
from shared.crossmodal.data import READERS


def named(text: str) -> tuple[str, Path]:
    """Reads `NAME=FOLDER`, for `argparse`.

    >>> named("flickr8k=data")
    ('flickr8k', PosixPath('data'))
    """
    name, equals, folder = text.partition("=")
    if not equals or name not in READERS:
        raise argparse.ArgumentTypeError(f"expected {'|'.join(READERS)}=FOLDER, received {text!r}")
    return name, Path(folder)


def parser(
    description: str | None,
    module: str,
    *,
    batch: int,
    margin: float,
    words: int,
    buckets: int,
    width: int,
    features: int,
    hidden: int,
    validate_every: int,
) -> argparse.ArgumentParser:
    """A command line with the options that every training has; numbers are the defaults of the options.

    Args:
        description: what `--help` begins with.
        module: the module's full name.
        batch: pictures in a step.
        margin: of the ranking loss.
        words: of the vocabulary at most.
        buckets: rows that the letter groups of all words share.
        width: of the heads.
        features: of both encoders.
        hidden: width of the text encoder's recurrent layer, for each direction.
        validate_every: steps from one validation to the next.

    Returns:
        A parser to which a training adds its own options.
    """
    made = argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add("--out", type=Path, required=True, metavar="FOLDER", help="of the run")
    add("--cache", type=Path, required=True, metavar="FOLDER", help="of the descriptions")
    add("--base", metavar="FOLDER", help="weights of the recognition network")
    add("--mirrored", action="store_true", help="describe every training photo mirrored as well")
    add("--batch", type=positive, default=batch, help="(%(default)s)")
    add("--margin", type=float, default=margin, help="of the ranking (%(default)s)")
    add("--hardest", type=positive, default=10, metavar="N", help="negatives that count (%(default)s)")
    add("--words", type=positive, default=words, help="of the vocabulary at most (%(default)s)")
    add("--buckets", type=positive, default=buckets, help="for letter groups (%(default)s)")
    add("--width", type=positive, default=width, help="of the heads (%(default)s)")
    add("--features", type=positive, default=features, help="of both encoders (%(default)s)")
    add("--hidden", type=positive, default=hidden, help="of the text encoder (%(default)s)")
    add("--validate-every", type=positive, default=validate_every, metavar="N", help="steps (%(default)s)")
    add("--device", default="cpu", help="(%(default)s)")
    add("--seed", type=int, default=0)
    return made
