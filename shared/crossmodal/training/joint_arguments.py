"""The settings of a joint space's training, as options of the command line."""

from __future__ import annotations

import argparse
from pathlib import Path

from shared.crossmodal.embedders.region_features import SINGLE_VIEW, View
from shared.crossmodal.training.arguments import training_parser
from shared.crossmodal.training.backbones import SCALES
from shared.evaluation.reports import positive_int
from shared.networks.joint import HEAD_CLASSES

#: The heads that the suite's own joint space has.
TOGETHER = ("rrf", "cyclematch", "itmeetsal")


def _look(text: str) -> View:
    return positive_int(text.removesuffix("m")), text.endswith("m")


def arguments(description: str | None = None) -> argparse.ArgumentParser:
    """The command line of the training."""
    parser = training_parser(description, "shared.crossmodal.train", "the first one decides late fusion")
    parser.set_defaults(batch=128, margin=0.2, words=5000, buckets=4096, width=384, features=512, hidden=192)
    parser.set_defaults(validate_every=500)
    add = parser.add_argument
    heads = [name for name in HEAD_CLASSES if name != "jmc"]  # which is trained by `train_jmc`
    add("--heads", nargs="+", choices=heads, default=list(TOGETHER), help="(%(default)s)")
    add(
        "--trunk",
        choices=list(SCALES),
        help="a network of ImageNet to begin with in place of the recognition network; it comes as a package",
    )
    add(
        "--start",
        type=Path,
        metavar="FOLDER",
        help="weights of a tuned joint space, from which --tune-steps go on; --words may add words",
    )
    add("--start-share", type=float, help="of --start in the mean (what the validation likes best)")
    add(
        "--text",
        type=Path,
        metavar="FOLDER",
        help="weights of a joint space whose text encoder to begin with, in place of --word-steps",
    )
    add(
        "--beside",
        type=Path,
        nargs="+",
        metavar="FOLDER",
        help="weights of other runs from the same --start, with another seed",
    )
    add("--distil", type=float, default=0.0, metavar="WEIGHT", help="learn from the teacher of sentences")
    add(
        "--sentences",
        type=Path,
        metavar="FOLDER",
        help="Multi30k, whose sentences the text encoder reads too",
    )
    add("--nouns", type=Path, metavar="FOLDER", help="WordNet's dict, whose nouns the text encoder reads too")
    add("--share", type=float, help="of the pictures in a batch from the sets after the first (as they come)")
    add("--word-steps", type=int, default=0, metavar="N", help="of the text encoder alone (%(default)s)")
    add("--warm-steps", type=int, default=3000, metavar="N", help="(%(default)s)")
    add("--steps", type=int, default=3000, metavar="N", help="with the paper's loss (%(default)s)")
    add("--tune-steps", type=int, default=0, metavar="N", help="with the base (%(default)s)")
    add("--settle-steps", type=int, default=0, metavar="N", help="with the tuned base as it is (%(default)s)")
    add("--settle-warm", type=int, default=0, metavar="N", help="contrastive before these (%(default)s)")
    add("--keep", type=float, default=0.0, metavar="WEIGHT", help="of what --start knew, while settling")
    add("--tune-batch", type=positive_int, default=64, help="(%(default)s)")
    add("--tune-from", type=int, default=7, metavar="N", help="blocks of the base that stay (%(default)s)")
    add("--tune-size", type=positive_int, default=192, metavar="PIXELS", help="(%(default)s)")
    add(
        "--looks",
        type=_look,
        nargs="+",
        default=SINGLE_VIEW,
        metavar="SIZE",
        help="in the end: 224, 224m mirrored",
    )
    add(
        "--each",
        type=positive_int,
        default=1,
        metavar="N",
        help="texts of a picture in a batch (%(default)s)",
    )
    add("--rate", type=float, default=1e-3, help="learning rate of the warm-up (%(default)s)")
    add("--tune-rate", type=float, default=1e-4, help="(%(default)s)")
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
    add("--workers", type=positive_int, default=1, help="threads that make batches (%(default)s)")
    return parser
