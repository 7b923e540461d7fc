"""Command-line options of the training of a joint space, and the objectives that they choose."""

from __future__ import annotations

import argparse
from pathlib import Path

from shared.crossmodal.embedders.region_features import SINGLE_VIEW, View
from shared.crossmodal.training.arguments import training_parser
from shared.crossmodal.training.objectives import HeadLosses, Matching, WarmUp, WithTexts
from shared.crossmodal.training.starting_point import PRETRAINED_BACKBONES
from shared.crossmodal.training.student import Objective
from shared.evaluation.reports import positive_int
from shared.networks.crossmodal.joint import HEAD_CLASSES

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


def joint_objectives(args: argparse.Namespace, *, with_texts: bool) -> tuple[Objective, Objective]:
    """Return the objectives of the warm-up and of the papers.

    Args:
        args: From `joint_parser`.
        with_texts: True if batches also have texts without images, see `WithTexts`.
    """
    bi_rank = tuple(args.bi_rank) if any(args.bi_rank) else None
    losses = HeadLosses(bi_rank, tuple(args.cycle), args.entropy, args.within)
    warm_up: Objective = WarmUp(args.distil)
    matching: Objective = Matching(args.margin, args.hardest, args.contrast, args.distil / 2, losses)
    if with_texts:
        return WithTexts(warm_up, args.distil), WithTexts(matching, args.distil / 2)
    return warm_up, matching


def view_argument(text: str) -> View:
    """Parse a test-time augmentation view, for `argparse`.

    >>> view_argument("224"), view_argument("256m")
    ((224, False), (256, True))
    """
    return positive_int(text.removesuffix("m")), text.endswith("m")


def _add_start(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("network and start").add_argument
    heads = [name for name in HEAD_CLASSES if name != "jmc"]  # which `train_jmc` trains
    add(
        "--heads",
        nargs="+",
        choices=heads,
        default=list(DEFAULT_HEADS),
        help="networks to train (%(default)s)",
    )
    add("--fusion", choices=("conv", "lc"), default="conv", help="fusion of RRF-Net's steps (%(default)s)")
    add("--recurrences", type=int, default=3, metavar="T", help="recurrent steps of RRF-Net (%(default)s)")
    add(
        "--backbone",
        choices=list(PRETRAINED_BACKBONES),
        help="ImageNet backbone in place of the recognition network's",
    )
    add("--quantized", action="store_true", help="store the weights in 8 bits")
    add("--start", type=Path, metavar="FOLDER", help="weights of a fine-tuned joint space to train further")
    add(
        "--start-weight",
        type=float,
        help="weight of --start in the weight average (the mixing weight with the best validation score)",
    )
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
        help="test-time augmentation views: 224, or mirrored 224m",
    )


def _add_data(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("data").add_argument
    add("--sentences", type=Path, metavar="FOLDER", help="Multi30k, sentences for the text encoder")
    add("--nouns", type=Path, metavar="FOLDER", help="WordNet's dict, nouns for the text encoder")
    add("--extra-share", type=float, help="share of images from data sets after the first (by their size)")
    add(
        "--texts-per-image",
        type=positive_int,
        default=1,
        metavar="N",
        help="texts of an image in a batch (%(default)s)",
    )
    add("--workers", type=positive_int, default=1, help="threads that prepare batches (%(default)s)")


def _add_stages(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("stages").add_argument
    add("--rate", type=float, default=1e-3, help="learning rate of the warm-up (%(default)s)")
    add(
        "--text-steps", type=int, default=0, metavar="N", help="steps of the text encoder alone (%(default)s)"
    )
    add("--warm-steps", type=int, default=3000, metavar="N", help="steps of the warm-up (%(default)s)")
    add("--steps", type=int, default=3000, metavar="N", help="steps with the papers' losses (%(default)s)")
    add("--tune-steps", type=int, default=0, metavar="N", help="steps of fine-tuning (%(default)s)")
    add("--tune-rate", type=float, default=1e-4, help="learning rate of fine-tuning (%(default)s)")
    add("--tune-batch", type=positive_int, default=64, help="images in a batch of fine-tuning (%(default)s)")
    add("--tune-from", type=int, default=7, metavar="N", help="first fine-tuned block (%(default)s)")
    add(
        "--tune-size",
        type=positive_int,
        default=192,
        metavar="PIXELS",
        help="side of the images of fine-tuning (%(default)s)",
    )
    add(
        "--frozen-warm-steps",
        type=int,
        default=0,
        metavar="N",
        help="steps of a warm-up with the frozen backbone (%(default)s)",
    )
    add(
        "--frozen-steps",
        type=int,
        default=0,
        metavar="N",
        help="steps with the papers' losses and the frozen backbone (%(default)s)",
    )


def _add_losses(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("losses").add_argument
    add("--distil", type=float, default=0.0, metavar="WEIGHT", help="weight of the distillation loss")
    add(
        "--lwf",
        type=float,
        default=0.0,
        metavar="WEIGHT",
        help="weight of the loss of learning without forgetting, with --start",
    )
    add("--contrast", type=float, default=1.0, help="weight of the contrastive loss (%(default)s)")
    add(
        "--bi-rank",
        type=float,
        nargs=4,
        default=[1.0, 0.5, 2.0, 1.0],
        metavar="WEIGHT",
        help="weights of RRF-Net's four terms; four zeros: triplet loss (%(default)s)",
    )
    add(
        "--cycle",
        type=float,
        nargs=3,
        default=[1.0, 1.0, 1.0],
        metavar="WEIGHT",
        help="weights of CycleMatch's dual, reconstruction and latent loss (%(default)s)",
    )
    add("--entropy", type=float, default=0.5, help="weight of ITMeetsAL's modality entropy (%(default)s)")
    add("--within", type=float, default=0.5, help="weight of ITMeetsAL's loss in a modality (%(default)s)")
