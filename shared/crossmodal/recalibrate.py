"""Decides anew what validation sets decide of a joint space: how its heads are fused, and what scores mean.

    python -m shared.crossmodal.recalibrate --data flickr8k=FLICKR8K --weights weights/crossmodal-joint

A training does the same at its end, and there also weighs CycleMatch's scores, which keep their weights here.
Only the configuration of the space is written anew.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import Any

from shared.core import weights
from shared.crossmodal.data.datasets import CaptionedImages
from shared.crossmodal.data.training_data import read_held_out
from shared.crossmodal.embedders.region_features import SINGLE_VIEW
from shared.crossmodal.embedders.joint_space import JointSpaceEmbedder
from shared.crossmodal.training.arguments import dataset_argument
from shared.crossmodal.training.validation import ValidationSet, ValidationSets


def decide(
    folder: str | os.PathLike, sets: Sequence[CaptionedImages], *, base: str | os.PathLike | None = None
) -> dict[str, Any]:
    """Fuses and calibrates a joint space.

    Args:
        folder: Of the weights.
        sets: ValidationSet sets. The first decides how heads are fused, and all what scores mean.
        base: See `JointSpaceEmbedder.load`.

    Returns:
        What was decided, as it is in the configuration now.

    Raises:
        WeightsError: The weights cannot be used.
    """
    space = JointSpaceEmbedder.load(folder=folder, base=base)
    device = str(next(space.network.parameters()).device)
    validations = ValidationSets([ValidationSet(one, None, space.tokens, device) for one in sets])
    embedded = validations.embedded(space.network, space.base, space.config.get("looks", SINGLE_VIEW))
    decided = validations.conclude(space.network, *embedded)
    weights.update_config(folder, **decided)
    return decided


def main(given: Sequence[str] | None = None) -> dict[str, Any]:
    """Decide from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m shared.crossmodal.recalibrate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", nargs="+", type=dataset_argument, required=True, metavar="NAME=FOLDER")
    parser.add_argument("--weights", required=True, metavar="FOLDER", help="of the joint space")
    parser.add_argument("--base", metavar="FOLDER", help="weights of the recognition network")
    args = parser.parse_args(given)
    try:
        decided = decide(args.weights, read_held_out(args.data), base=args.base)
    except (FileNotFoundError, weights.WeightsError) as error:
        parser.error(str(error))
    print(decided)
    return decided


if __name__ == "__main__":
    main()
