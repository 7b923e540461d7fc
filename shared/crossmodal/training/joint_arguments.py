"""Command-line options of the training of a joint space."""

from __future__ import annotations

import argparse
from pathlib import Path

from shared.crossmodal.embedders.region_features import SINGLE_VIEW, View
from shared.crossmodal.training.arguments import training_parser
from shared.crossmodal.training.starting_point import PRETRAINED_BACKBONES
from shared.evaluation.reports import positive_int
from shared.networks.joint import HEAD_CLASSES

#: Heads of the project's own joint space.
DEFAULT_HEADS = ("rrf", "cyclematch", "itmeetsal")


def joint_parser(description: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of the training.

    Args:
        description: Text at the top of `--help`.
    """
    parser = training_parser(description, "shared.crossmodal.train", "the first one decides score fusion")
    parser.set_defaults(batch=128, margin=0.2, words=5000, buckets=4096, width=384, features=512, hidden=192)
    parser.set_defaults(validate_every=500)
    _add_start(parser)
    _add_data(parser)
    _add_stages(parser)
    _add_losses(parser)
    return parser


def view_argument(text: str) -> View:
    """Parse a test-time augmentation view, for `argparse`.

    >>> view_argument("224"), view_argument("256m")
    ((224, False), (256, True))
    """
    return positive_int(text.removesuffix("m")), text.endswith("m")


def _add_start(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("network and start").add_argument
    heads = [name for name in HEAD_CLASSES if name != "jmc"]  # which `train_jmc` trains
    add("--heads", nargs="+", choices=heads, default=list(DEFAULT_HEADS), help="(%(default)s)")
    add("--fusion", choices=("conv", "lc"), default="conv", help="of RRF-Net's steps (%(default)s)")
    add("--recurrences", type=int, default=3, metavar="T", help="of RRF-Net (%(default)s)")
    add(
        "--backbone",
        choices=list(PRETRAINED_BACKBONES),
        help="ImageNet backbone in place of the recognition network's",
    )
    add("--start", type=Path, metavar="FOLDER", help="weights of a fine-tuned joint space to go on from")
    add("--start-weight", type=float, help="of --start in the mean (what the validation likes best)")
    add(
        "--text",
        type=Path,
        metavar="FOLDER",
        help="weights of a joint space whose text encoder to start from, in place of --text-steps",
    )
    add(
        "--peers",
        type=Path,
        nargs="+",
        metavar="FOLDER",
        help="weights of other runs from the same --start, with another seed",
    )
    add(
        "--views",
        type=view_argument,
        nargs="+",
        default=SINGLE_VIEW,
        metavar="SIZE",
        help="224, 224m mirrored",
    )


def _add_data(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("data").add_argument
    add("--sentences", type=Path, metavar="FOLDER", help="Multi30k, for the text encoder")
    add("--nouns", type=Path, metavar="FOLDER", help="WordNet's dict, for the text encoder")
    add("--extra-share", type=float, help="of draws for the sets after the first (by their size)")
    add("--texts-per-image", type=positive_int, default=1, metavar="N", help="in a batch (%(default)s)")
    add("--workers", type=positive_int, default=1, help="threads that prepare batches (%(default)s)")


def _add_stages(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("stages").add_argument
    add("--rate", type=float, default=1e-3, help="learning rate of the warm-up (%(default)s)")
    add("--text-steps", type=int, default=0, metavar="N", help="of the text encoder alone (%(default)s)")
    add("--warm-steps", type=int, default=3000, metavar="N", help="contrastive warm-up (%(default)s)")
    add("--steps", type=int, default=3000, metavar="N", help="with the papers' losses (%(default)s)")
    add("--tune-steps", type=int, default=0, metavar="N", help="with the backbone (%(default)s)")
    add("--tune-rate", type=float, default=1e-4, help="(%(default)s)")
    add("--tune-batch", type=positive_int, default=64, help="(%(default)s)")
    add("--tune-from", type=int, default=7, metavar="N", help="first block that is tuned (%(default)s)")
    add("--tune-size", type=positive_int, default=192, metavar="PIXELS", help="(%(default)s)")
    add(
        "--frozen-warm-steps",
        type=int,
        default=0,
        metavar="N",
        help="after tuning, contrastive (%(default)s)",
    )
    add("--frozen-steps", type=int, default=0, metavar="N", help="after tuning (%(default)s)")


def _add_losses(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("losses").add_argument
    add("--distil", type=float, default=0.0, metavar="WEIGHT", help="of the teacher of sentences")
    add("--lwf", type=float, default=0.0, metavar="WEIGHT", help="of learning without forgetting --start")
    add("--contrast", type=float, default=1.0, help="contrastive loss beside the papers' (%(default)s)")
    add(
        "--bi-rank",
        type=float,
        nargs=4,
        default=[1.0, 0.5, 2.0, 1.0],
        metavar="WEIGHT",
        help="RRF-Net's four terms; four zeros: triplet loss (%(default)s)",
    )
    add(
        "--cycle",
        type=float,
        nargs=3,
        default=[1.0, 1.0, 1.0],
        metavar="WEIGHT",
        help="CycleMatch's dual, reconstruction and latent loss (%(default)s)",
    )
    add("--entropy", type=float, default=0.5, help="ITMeetsAL's adversary (%(default)s)")
    add("--within", type=float, default=0.5, help="ITMeetsAL's matching inside a modality (%(default)s)")
