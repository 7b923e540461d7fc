"""Train RRF-Net on SigLIP 2: `python -m shared.crossmodal.train_hub_head --data NAME=FOLDER ...`.

SigLIP 2, which is downloaded from the Hub unless `--network` has it, computes the features of all images and
texts once; `--cache` stores them. The head learns with the loss of its paper and a contrastive one. The
weights with the highest recall on the development splits are kept, and the scores calibrated there. The
folder `--out`/weights serves the engine `siglip2-rrf` under the name `weights/crossmodal-siglip2-rrf`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from shared.crossmodal.training.arguments import dataset_argument
from shared.crossmodal.training.hub_head.training import HubHeadTraining
from shared.evaluation.reports import positive_int
from shared.networks.crossmodal.rrf import FUSIONS


def head_parser() -> argparse.ArgumentParser:
    """Return the parser of the training."""
    parser = argparse.ArgumentParser(
        prog="python -m shared.crossmodal.train_hub_head",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--data", nargs="+", type=dataset_argument, required=True, metavar="NAME=FOLDER", help="data sets")
    add("--out", type=Path, required=True, metavar="FOLDER", help="folder of the run")
    add("--cache", type=Path, required=True, metavar="FOLDER", help="folder of cached features")
    add("--network", metavar="FOLDER", help="snapshot of SigLIP 2, if it is not to be downloaded")
    add("--width", type=positive_int, default=512, help="width of the embedding (%(default)s)")
    add("--hidden", type=positive_int, default=2048, help="width of the first layer (%(default)s)")
    add("--recurrences", type=int, default=3, metavar="T", help="recurrent steps (%(default)s)")
    add("--fusion", choices=FUSIONS, default="conv", help="fusion of the steps (%(default)s)")
    add("--dropout", type=float, default=0.1, help="dropout rate (%(default)s)")
    add("--steps", type=positive_int, default=3000, metavar="N", help="steps (%(default)s)")
    add("--batch", type=positive_int, default=256, metavar="N", help="images in a batch (%(default)s)")
    add("--rate", type=float, default=1e-3, help="learning rate (%(default)s)")
    add("--margin", type=float, default=0.2, help="margin of the ranking loss (%(default)s)")
    add("--hardest", type=positive_int, default=10, metavar="N", help="hard negatives (%(default)s)")
    add("--contrast", type=float, default=1.0, help="weight of the contrastive loss (%(default)s)")
    add("--validate-every", type=positive_int, default=250, metavar="N", help="steps between (%(default)s)")
    add("--device", default="cpu", help="device of the training (%(default)s)")
    add("--seed", type=int, default=0, help="seed of everything random (%(default)s)")
    return parser


def main(arguments: Sequence[str] | None = None) -> Path:
    """Run the training from the command line and return the weight folder."""
    return HubHeadTraining(head_parser().parse_args(arguments)).run()


if __name__ == "__main__":
    main()
