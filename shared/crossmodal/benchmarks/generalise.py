"""Joint spaces on data that they were not trained on: everyday photos to products, and the other way round.

The joint space of sentences and photos has learned on Flickr8k and from names of things, JMC on groceries and
garments; both are tested on the test splits of all sets that are given, also of folders of photos by name
(`--named`). Each photo looks for its texts among all different texts of its set
(`i2t`), and each text for its photos (`t2i`). On products `top1_names` is the share of photos whose nearest
name, of all classes of the set, is that of their own class. The rows of chance have a score drawn at random
for each pair.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from shared.core.weights import WeightsError
from shared.crossmodal.benchmarks.recall import shared_text_metrics
from shared.crossmodal.data.datasets import SPLITS, CaptionedImages
from shared.crossmodal.data.named_things import read_named
from shared.crossmodal.data.registry import READERS
from shared.crossmodal.embedders.embedder import IMAGE_FEATURE as PICTURE
from shared.crossmodal.embedders.joint_space import JointSpaceEmbedder
from shared.crossmodal.engines import CLASSIFIERS, ENGINES
from shared.evaluation import reports
from shared.networks.joint import ENSEMBLE

MODULE = "shared.crossmodal.benchmark generalise"
CHANCE = "chance"
#: Of a thing with a name; those beyond what a training looks at are as new to it as those held out.
MOST_PHOTOS = 100


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Test joint spaces on data that they were not trained on.", MODULE)
    for name in ("grocery", "fashion"):
        parser.add_argument(f"--{name}", type=Path, metavar="DIR", help=f"root folder of the {name} set")
    parser.add_argument("--named", type=Path, nargs="+", default=[], metavar="DIR", help="photos of things")
    parser.add_argument("--jmc", metavar="FOLDER", help="weights in place of JMC's own")
    parser.add_argument("--base", metavar="FOLDER", help="weights of the recognition network")
    parser.add_argument("--split", choices=SPLITS, default="test", help="(%(default)s)")
    options = parser.parse_args(arguments)
    roots = {"flickr8k": options.data, "grocery": options.grocery, "fashion": options.fashion}
    try:
        sets = {name: READERS[name](root, options.split) for name, root in roots.items() if root is not None}
        sets |= {str(root): read_named(root, options.split, MOST_PHOTOS) for root in options.named}
        spaces = [
            JointSpaceEmbedder.load(engine, folder=folder, base=options.base)
            for engine, folder in ((ENGINES[ENSEMBLE], options.weights), (CLASSIFIERS["jmc"], options.jmc))
        ]
    except (FileNotFoundError, WeightsError) as error:
        parser.error(str(error))
    available = sum(len(data.photos) for data in sets.values())
    sets = {name: data.first(options.limit) for name, data in sets.items()}
    started = time.perf_counter()
    metrics = {}
    for data in sets.values():
        metrics[f"{data.name}, {CHANCE}"] = _chance(data)
        for space in spaces:
            rows = _describe(space, data)
            for engine in space.engines:
                metrics[f"{data.name}, {engine}"] = _figures(space, engine, data, rows)
    return reports.finish(
        reports.Report(
            benchmark="generalise",
            data=", ".join(data.name for data in sets.values()),
            split=options.split,
            items=sum(len(data.photos) for data in sets.values()),
            weights=Path(options.weights).name if options.weights else ENGINES[ENSEMBLE].weights,
            metrics=metrics,
            available=available,
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )


def _describe(space: JointSpaceEmbedder, data: CaptionedImages) -> np.ndarray:
    photos = tqdm(data.photos, unit="photo", leave=False)
    return np.stack([space.describe([photo.image()])[0][PICTURE] for photo in photos])


def _figures(space: JointSpaceEmbedder, engine: str, data: CaptionedImages, rows: np.ndarray) -> dict[str, float]:
    """What one engine reaches on one set."""
    texts, relevant = data.distinct()
    images = space.pictures(rows, engine)
    found = shared_text_metrics(images @ space.texts(texts, engine).T, relevant)
    if data.classes is not None:
        names = images @ space.texts(data.class_names, engine).T
        found["top1_names"] = float((names.argmax(1) == data.classes).mean())
    return found


def _chance(data: CaptionedImages, seed: int = 0) -> dict[str, float]:
    """What scores reach that know nothing."""
    _, relevant = data.distinct()
    found = shared_text_metrics(np.random.default_rng(seed).random(relevant.shape), relevant)
    return found if data.classes is None else found | {"top1_names": 1 / len(data.class_names)}
