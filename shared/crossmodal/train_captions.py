"""Train a caption decoder: `python -m shared.crossmodal.train_captions --data NAME=FOLDER ...`.

It reads the region features of a frozen recognition network (`--recognition`), which `--cache` stores as for
`shared.crossmodal.train`. The first data sets have captions; from images of things with names, the decoder
learns to name what they show ("an owl"). `--shares` divides the draws among the data sets with captions, in
their order, and all others together. The weights with the lowest loss on the development splits are kept.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from shared.crossmodal.training.arguments import training_parser
from shared.crossmodal.training.caption_training import CaptionTraining


def caption_parser() -> argparse.ArgumentParser:
    """Return the parser of the training."""
    parser = training_parser(__doc__, "shared.crossmodal.train_captions", "those with captions come first")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.35, 0.45, 0.2])
    parser.add_argument("--steps", type=int, default=3000, metavar="N", help="steps (%(default)s)")
    parser.add_argument("--rate", type=float, default=1e-3, help="learning rate (%(default)s)")
    parser.add_argument("--layers", type=int, default=2, help="layers of the decoder (%(default)s)")
    parser.set_defaults(batch=192, words=4500, width=256, hidden=768, validate_every=500)
    return parser


def main(arguments: Sequence[str] | None = None) -> Path:
    """Run the training from the command line and return the weight folder."""
    return CaptionTraining(caption_parser().parse_args(arguments)).run()


if __name__ == "__main__":
    main()
