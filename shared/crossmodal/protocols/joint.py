"""Products: a photo finds the words on it, words find photos, and both tell the class, with JMC.

On the Grocery Store set a photo's words are the product's name and description, on the fashion set its name
and its attributes. Recall and mAP are over all different texts of the split. `top1_image`, `top1_text` and
`top1_both` are the share of photos whose class is told from the photo, from its last text, or from both. The
last text of a grocery is its description, that of a garment holds its class.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from shared.core import engines, reports
from shared.core.weights import WeightsError
from shared.crossmodal.data import READERS, SPLITS
from shared.crossmodal.engines import CLASSIFIERS
from shared.crossmodal.evaluate import shared_figures
from shared.crossmodal.space import PICTURE, Space

MODULE = "shared.crossmodal.benchmark joint"


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.parser("Match photos of products with words, and tell their class.", MODULE)
    parser.add_argument("--set", choices=("grocery", "fashion"), default="grocery", help="(%(default)s)")
    parser.add_argument("--engine", choices=list(CLASSIFIERS), default="jmc", help="(%(default)s)")
    parser.add_argument("--base", metavar="FOLDER", help="weights of the recognition network")
    parser.add_argument("--split", choices=SPLITS, default="test", help="(%(default)s)")
    options = parser.parse_args(arguments)
    try:
        data = READERS[options.set](options.data, options.split)
        engine = engines.find(CLASSIFIERS, options.engine)
        space = Space.load(engine, folder=options.weights, base=options.base)
    except (FileNotFoundError, WeightsError) as error:
        parser.error(str(error))
    available, data = len(data.photos), data.first(options.limit)
    if space.network.heads["jmc"].classifier[-1].out_features != len(data.class_names):
        parser.error(f"the weights tell other classes than the {len(data.class_names)} of {data.name}")
    started = time.perf_counter()
    photos = tqdm(data.photos, unit="photo", leave=False)
    rows = np.stack([space.describe([photo.image()])[0][PICTURE] for photo in photos])
    texts, relevant = data.distinct()
    pictures, words = space.pictures(rows, "jmc"), space.texts(texts, "jmc")
    metrics = shared_figures(pictures @ words.T, relevant)
    numbers = {text: number for number, text in enumerate(texts)}
    last = np.searchsorted(data.owners, np.arange(len(data.photos)), side="right") - 1
    own = words[[numbers[data.texts[place]] for place in last]]
    for name, image, text in (("image", pictures, None), ("text", None, own), ("both", pictures, own)):
        metrics[f"top1_{name}"] = float((_told(space, image, text) == data.classes).mean())
    return reports.conclude(
        MODULE,
        arguments,
        options.json,
        started,
        benchmark="joint",
        data=data.name,
        split=options.split,
        items=len(data.photos),
        weights=Path(options.weights).name if options.weights else options.engine,
        metrics=metrics,
        available=available,
    )


@torch.inference_mode()
def _told(space: Space, image: np.ndarray | None, text: np.ndarray | None) -> np.ndarray:
    """The class of each picture, int64 `[N]`."""
    device = next(space.network.parameters()).device
    given = (None if one is None else torch.from_numpy(one).to(device) for one in (image, text))
    return space.network.heads["jmc"].classify(*given).argmax(1).cpu().numpy()
