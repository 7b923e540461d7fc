"""Command-line options of the training of JMC."""

from __future__ import annotations

import argparse

from shared.crossmodal.training.arguments import dataset_argument, training_parser
from shared.evaluation.reports import positive_int

RECIPES = ("joint", "matching", "classification")


def product_parser(description: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of the training.

    Args:
        description: Text at the top of `--help`.
    """
    parser = training_parser(description, "shared.crossmodal.train_jmc", "grocery, fashion, or both")
    parser.set_defaults(batch=64, margin=0.1, words=1200, buckets=2048, width=192, features=256, hidden=64)
    parser.set_defaults(validate_every=250)
    add = parser.add_argument
    add(
        "--outliers",
        type=dataset_argument,
        required=True,
        metavar="NAME=FOLDER",
        help="data set of images without a class: flickr8k",
    )
    add("--recipe", choices=RECIPES, default="joint", help="losses of the training (%(default)s)")
    add(
        "--steps",
        type=int,
        nargs=3,
        default=[1500, 500, 1500],
        metavar="N",
        help="optimizer steps of each stage (%(default)s)",
    )
    add(
        "--regions",
        type=positive_int,
        default=4,
        metavar="N",
        help="regions of an image in a step (%(default)s)",
    )
    add("--rate", type=float, default=2e-3, help="learning rate (%(default)s)")
    add("--decay", type=float, default=1e-2, help="weight decay (%(default)s)")
    add("--classify", type=float, default=1.0, help="weight of the classification loss (%(default)s)")
    add("--spans", type=float, default=0.3, help="share of texts cut to a few words (%(default)s)")
    add("--embedding", type=positive_int, default=64, help="length of a subword's embedding (%(default)s)")
    return parser
