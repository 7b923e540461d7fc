"""Transfer of joint spaces to other data sets: from everyday photos to products, and vice versa.

The joint space of sentences and photos has learned on Flickr8k and from names of things, JMC on groceries and
garments; both are tested on the test splits of all data sets, also of folders of images by name (`--named`).
Each image searches for its texts among all distinct texts of its data set (`i2t`), and each text for its
images (`t2i`). `top1_names` is the fraction of images whose nearest name, of all classes of the data set, is
that of their own class. In the rows of chance each pair has a random score.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from shared.core.weights import WeightsError
from shared.crossmodal.benchmarks.embedding import image_features
from shared.crossmodal.benchmarks.recall import shared_text_metrics
from shared.crossmodal.data.datasets import SPLITS, CaptionedImages
from shared.crossmodal.data.named_images import read_named_images
from shared.crossmodal.data.registry import READERS
from shared.crossmodal.embedders.embedder import Embedder
from shared.crossmodal.engines import OPEN_WEIGHTS, load_combined_space, load_product_space
from shared.evaluation import reports

MODULE = "shared.crossmodal.benchmark generalise"
CHANCE = "chance"
#: Images of a thing with a name; those beyond the ones that a training uses are as new to it as held-out
#: ones.
MAX_IMAGES = 100


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Test joint spaces on data that they were not trained on.", MODULE)
    for name in ("grocery", "fashion"):
        parser.add_argument(f"--{name}", type=Path, metavar="DIR", help=f"root folder of the {name} set")
    parser.add_argument("--named", type=Path, nargs="+", default=[], metavar="DIR", help="images of things")
    parser.add_argument("--jmc", metavar="FOLDER", help="weights in place of JMC's own")
    parser.add_argument("--recognition", metavar="FOLDER", help="weights of the recognition network")
    parser.add_argument("--split", choices=SPLITS, default="test", help="(%(default)s)")
    options = parser.parse_args(arguments)
    roots = {"flickr8k": options.data, "grocery": options.grocery, "fashion": options.fashion}
    try:
        sets = {name: READERS[name](root, options.split) for name, root in roots.items() if root is not None}
        sets |= {str(root): read_named_images(root, options.split, MAX_IMAGES) for root in options.named}
        embedders = [
            load_combined_space(folder=options.weights, backbone_folder=options.recognition),
            load_product_space(folder=options.jmc, backbone_folder=options.recognition),
        ]
    except (FileNotFoundError, WeightsError) as error:
        parser.error(str(error))
    available = sum(len(data.images) for data in sets.values())
    sets = {name: data.head(options.limit) for name, data in sets.items()}
    started = time.perf_counter()
    metrics = {}
    for data in sets.values():
        metrics[f"{data.name}, {CHANCE}"] = _chance_metrics(data)
        for embedder in embedders:
            features = image_features(embedder, data)
            for engine in embedder.engines:
                metrics[f"{data.name}, {engine}"] = _metrics(embedder, engine, data, features)
    return reports.finish(
        reports.Report(
            benchmark="generalise",
            data=", ".join(data.name for data in sets.values()),
            split=options.split,
            items=sum(len(data.images) for data in sets.values()),
            weights=Path(options.weights).name if options.weights else OPEN_WEIGHTS,
            metrics=metrics,
            available=available,
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )


def _metrics(
    embedder: Embedder, engine: str, data: CaptionedImages, features: np.ndarray
) -> dict[str, float]:
    texts, relevant = data.distinct_texts()
    images = embedder.embed_features(features, engine)
    metrics = shared_text_metrics(images @ embedder.embed_texts(texts, engine).T, relevant)
    if data.classes is not None:
        names = images @ embedder.embed_texts(data.class_names, engine).T
        metrics["top1_names"] = float(np.mean(names.argmax(1) == data.classes))
    return metrics


def _chance_metrics(data: CaptionedImages, seed: int = 0) -> dict[str, float]:
    """Compute the metrics of random scores."""
    _, relevant = data.distinct_texts()
    metrics = shared_text_metrics(np.random.default_rng(seed).random(relevant.shape), relevant)
    return metrics if data.classes is None else metrics | {"top1_names": 1 / len(data.class_names)}
