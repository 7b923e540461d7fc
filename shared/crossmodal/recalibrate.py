"""Re-fits fusion weights and calibration of a joint space on validation sets.

    python -m shared.crossmodal.recalibrate --data flickr8k=FLICKR8K --weights weights/crossmodal-joint

A training does the same at its end, and there also fits the weights of CycleMatch's scores, which stay as
they are here. Only the configuration of the space is rewritten.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import Any

from shared.core import weights
from shared.crossmodal.data.datasets import CaptionedImages
from shared.crossmodal.data.training_data import read_held_out
from shared.crossmodal.engines import load_joint_space
from shared.crossmodal.training.arguments import dataset_argument
from shared.crossmodal.training.validation import ValidationSet, ValidationSets


def recalibrate(
    folder: str | os.PathLike,
    held_out: Sequence[CaptionedImages],
    *,
    backbone_folder: str | os.PathLike | None = None,
) -> dict[str, Any]:
    """Re-fit the fusion weights and the calibration of a joint space and write them to its configuration.

    Args:
        folder: Folder of the weights.
        held_out: Validation sets. The first decides how heads are fused, and all what scores mean.
        backbone_folder: Weights to use in place of the recognition network's own.

    Returns:
        The new keys of the configuration.

    Raises:
        WeightsError: The weights cannot be used.
    """
    embedder = load_joint_space(folder=folder, backbone_folder=backbone_folder)
    device = str(next(embedder.network.parameters()).device)
    validation = ValidationSets([ValidationSet(data, None, embedder.tokenizer, device) for data in held_out])
    features = validation.embed(embedder.network, embedder.backbone, embedder.views)
    config = validation.fit_calibration(embedder.network, *features)
    weights.update_config(folder, **config)
    return config


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Recalibrate from the command line and return the new keys of the configuration."""
    parser = argparse.ArgumentParser(
        prog="python -m shared.crossmodal.recalibrate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", nargs="+", type=dataset_argument, required=True, metavar="NAME=FOLDER")
    parser.add_argument("--weights", required=True, metavar="FOLDER", help="of the joint space")
    parser.add_argument("--recognition", metavar="FOLDER", help="weights of the recognition network")
    args = parser.parse_args(arguments)
    try:
        config = recalibrate(args.weights, read_held_out(args.data), backbone_folder=args.recognition)
    except (FileNotFoundError, weights.WeightsError) as error:
        parser.error(str(error))
    print(config)
    return config


if __name__ == "__main__":
    main()
