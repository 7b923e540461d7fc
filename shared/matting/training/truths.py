"""True masks as training examples: `python -m shared.matting.train truths --data CCP --out DIR`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from shared.matting.data.ccp import read_ccp
from shared.matting.data.examples import TRUTH, store_example


def main(arguments: Sequence[str] | None = None) -> None:
    """Store the examples from the command line."""
    parser = argparse.ArgumentParser(prog="python -m shared.matting.train truths", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder of Clothing Co-Parsing")
    add("--photos", type=Path, help="folder with its photos at a larger size, ID.jpg")
    add("--split", default="train")
    add("--out", type=Path, required=True, help="folder of the examples")
    options = parser.parse_args(arguments)
    for photo in tqdm(read_ccp(options.data, options.split, options.photos), mininterval=10):
        mask = Image.fromarray((photo.mask() == 1).astype(np.uint8) * 255)
        store_example(options.out, photo.photo_path.stem, photo.image(), {TRUTH: mask})
