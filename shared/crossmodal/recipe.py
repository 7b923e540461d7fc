"""The settings of a joint space's training, as options of the command line."""

from __future__ import annotations

import argparse
from pathlib import Path

from shared.core.reports import positive
from shared.crossmodal.data import READERS
from shared.crossmodal.features import ONE_LOOK, Look
from shared.crossmodal.trunks import PACKAGES
from shared.networks.joint import HEADS

#: The heads that the suite's own joint space has.
TOGETHER = ("rrf", "cyclematch", "itmeetsal")


def named(text: str) -> tuple[str, Path]:
    """Reads `NAME=FOLDER`, for `argparse`.

    >>> named("flickr8k=data")
    ('flickr8k', PosixPath('data'))
    """
    name, equals, folder = text.partition("=")
    if not equals or name not in READERS:
        raise argparse.ArgumentTypeError(f"expected {'|'.join(READERS)}=FOLDER, received {text!r}")
    return name, Path(folder)


def _look(text: str) -> Look:
    return positive(text.removesuffix("m")), text.endswith("m")


def arguments(description: str | None = None) -> argparse.ArgumentParser:
    """The command line of the training."""
    parser = argparse.ArgumentParser(
        prog="python -m shared.crossmodal.train",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--data", nargs="+", type=named, required=True, metavar="NAME=FOLDER", help="the first one validates")
    add("--out", type=Path, required=True, metavar="FOLDER", help="of the run")
    add("--cache", type=Path, required=True, metavar="FOLDER", help="of the descriptions")
    heads = [name for name in HEADS if name != "jmc"]  # which is trained by `train_jmc`
    add("--heads", nargs="+", choices=heads, default=list(TOGETHER), help="(%(default)s)")
    add("--base", metavar="FOLDER", help="weights of the recognition network")
    add(
        "--trunk",
        choices=list(PACKAGES),
        help="a network of ImageNet to begin with in place of the recognition network; it comes as a package",
    )
    add(
        "--start",
        type=Path,
        metavar="FOLDER",
        help="weights of a tuned joint space, from which --tune-steps go on; stages before that are left out",
    )
    add("--mirrored", action="store_true", help="describe every training photo mirrored as well")
    add("--distil", type=float, default=0.0, metavar="WEIGHT", help="learn from the teacher of sentences")
    add(
        "--sentences",
        type=Path,
        metavar="FOLDER",
        help="Multi30k, whose sentences the text encoder reads too",
    )
    add("--word-steps", type=int, default=0, metavar="N", help="of the text encoder alone (%(default)s)")
    add("--warm-steps", type=int, default=3000, metavar="N", help="(%(default)s)")
    add("--steps", type=int, default=3000, metavar="N", help="with the paper's loss (%(default)s)")
    add("--tune-steps", type=int, default=0, metavar="N", help="with the base (%(default)s)")
    add("--settle-steps", type=int, default=0, metavar="N", help="with the tuned base as it is (%(default)s)")
    add("--batch", type=positive, default=128, help="(%(default)s)")
    add("--tune-batch", type=positive, default=64, help="(%(default)s)")
    add("--tune-from", type=int, default=7, metavar="N", help="blocks of the base that stay (%(default)s)")
    add("--tune-size", type=positive, default=192, metavar="PIXELS", help="(%(default)s)")
    add(
        "--looks",
        type=_look,
        nargs="+",
        default=ONE_LOOK,
        metavar="SIZE",
        help="in the end: 224, 224m mirrored",
    )
    add("--each", type=positive, default=1, metavar="N", help="texts of a picture in a batch (%(default)s)")
    add("--rate", type=float, default=1e-3, help="learning rate of the warm-up (%(default)s)")
    add("--tune-rate", type=float, default=1e-4, help="(%(default)s)")
    add("--margin", type=float, default=0.2, help="of the ranking (%(default)s)")
    add("--hardest", type=positive, default=10, metavar="N", help="negatives that count (%(default)s)")
    add("--contrast", type=float, default=1.0, help="contrastive loss beside the paper's (%(default)s)")
    ranks = {"nargs": 4, "default": [1.0, 0.5, 2.0, 1.0], "metavar": "WEIGHT"}
    add("--bi-rank", type=float, help="RRF-Net's four terms; four zeros: triplet loss (%(default)s)", **ranks)
    cycle = {"nargs": 3, "default": [1.0, 1.0, 1.0], "metavar": "WEIGHT"}
    add(
        "--cycle", type=float, help="CycleMatch's dual, reconstruction and latent loss (%(default)s)", **cycle
    )
    add("--entropy", type=float, default=0.5, help="ITMeetsAL's adversary (%(default)s)")
    add("--within", type=float, default=0.5, help="ITMeetsAL's matching in a modality (%(default)s)")
    add("--fusion", choices=("conv", "lc"), default="conv", help="of RRF-Net's steps (%(default)s)")
    add("--recurrences", type=int, default=3, metavar="T", help="of RRF-Net (%(default)s)")
    add("--words", type=positive, default=5000, help="of the vocabulary at most (%(default)s)")
    add("--buckets", type=positive, default=4096, help="for letter groups (%(default)s)")
    add("--width", type=positive, default=384, help="of the heads (%(default)s)")
    add("--features", type=positive, default=512, help="of both encoders (%(default)s)")
    add("--hidden", type=positive, default=192, help="of the text encoder (%(default)s)")
    add("--validate-every", type=positive, default=500, metavar="N", help="steps (%(default)s)")
    add("--workers", type=positive, default=1, help="threads that make batches (%(default)s)")
    add("--device", default="cpu", help="(%(default)s)")
    add("--seed", type=int, default=0)
    return parser
