"""Multi-task learning of matching and classification: JMC against networks with one task alone.

Each recipe of `shared.crossmodal.train_jmc` is trained on all data sets at once, from several seeds, for as
many steps, and tested on each data set. Means over the seeds; `sd` is the largest standard deviation of a
row's metrics. Metrics of a task that a network was not trained for are dropped. They are those of the
benchmark `joint`; for the variants of texts see `shared.crossmodal.benchmarks.product_metrics.text_variants`.

Options that are not listed go to the training. An interrupted comparison resumes.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch

from shared.core.weights import WeightsError
from shared.crossmodal import train_jmc
from shared.crossmodal.benchmarks.embedding import text_vectors
from shared.crossmodal.benchmarks.product_metrics import ProductSet, product_metrics, text_variants
from shared.crossmodal.data.datasets import SPLITS
from shared.crossmodal.data.registry import READERS
from shared.crossmodal.embedders.joint_space import JointSpaceEmbedder
from shared.crossmodal.embedders.region_features import load_backbone
from shared.crossmodal.engines import load_product_space
from shared.crossmodal.products.joint_classifier import HEAD
from shared.crossmodal.training.feature_cache import cached_split_features
from shared.crossmodal.training.products.arguments import RECIPES
from shared.evaluation import reports
from shared.networks.crossmodal.jmc import JMC

MODULE = "shared.crossmodal.benchmark tasks"
BATCH_SIZE = 128
#: Prefixes of the metrics that a recipe was not trained for.
UNTRAINED: dict[str, tuple[str, ...]] = {"matching": ("top1",), "classification": ("i2t", "t2i"), "joint": ()}


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the comparison from the command line."""
    parser = reports.benchmark_parser(
        "Compare learning both tasks with learning one alone; --data is Grocery's.", MODULE
    )
    add = parser.add_argument
    add("--fashion", type=Path, metavar="DIR", help="root folder of the fashion set")
    add("--outliers", type=Path, required=True, metavar="DIR", help="root folder of Flickr8k")
    add("--cache", type=Path, required=True, metavar="DIR", help="of region features")
    add("--out", type=Path, required=True, metavar="DIR", help="of the runs")
    add("--seeds", type=reports.positive_int, default=3, metavar="N", help="(%(default)s)")
    add("--recognition", metavar="FOLDER", help="weights of the recognition network")
    add("--split", choices=SPLITS, default="test", help="(%(default)s)")
    options, extra = parser.parse_known_args(arguments)
    roots = {"grocery": options.data, "fashion": options.fashion}
    roots = {name: root for name, root in roots.items() if root is not None}
    recognition = [] if options.recognition is None else ["--recognition", options.recognition]
    training = ["--data", *(f"{name}={root}" for name, root in roots.items()), "--cache", str(options.cache)]
    training += ["--outliers", f"flickr8k={options.outliers}", *recognition, *extra]
    started = time.perf_counter()
    try:
        sets = {name: READERS[name](root, options.split).head(options.limit) for name, root in roots.items()}
        backbone = load_backbone(options.recognition)
    except (FileNotFoundError, WeightsError) as error:
        parser.error(str(error))
    suffix = "" if options.limit is None else f"-{options.limit}"
    features = {
        name: cached_split_features(options.cache, f"{name}-{options.split}{suffix}", backbone, data.images)
        for name, data in sets.items()
    }
    metrics: dict[str, dict[str, float]] = {}
    for recipe in RECIPES:
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in sets}
        for seed in range(options.seeds):
            out = options.out / f"{recipe}-{seed}"
            folder = train_jmc.main([*training, "--recipe", recipe, "--seed", str(seed), "--out", str(out)])
            embedder = load_product_space(folder=folder, backbone_folder=options.recognition)
            for name, data in sets.items():
                first_class = embedder.config["sets"][name][0]
                products = ProductSet(data, text_variants(data, roots[name]), first_class)
                runs[name].append(_metrics(embedder, products, features[name], recipe))
        for name, rows in runs.items():
            means = {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
            spread = max(float(np.std([row[key] for row in rows])) for key in means)
            metrics[f"{sets[name].name}, {recipe}"] = {**means, "sd": spread}
    return reports.finish(
        reports.Report(
            benchmark="tasks",
            data=" and ".join(data.name for data in sets.values()),
            split=options.split,
            items=sum(len(data.images) for data in sets.values()),
            weights=f"means over {options.seeds} seeds",
            metrics=metrics,
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )


@torch.inference_mode()
def _metrics(
    embedder: JointSpaceEmbedder, products: ProductSet, features: np.ndarray, recipe: str
) -> dict[str, float]:
    """Compute the metrics of one network on one data set, without those that it was not trained for.

    Args:
        embedder: Joint space with the network.
        products: The data set.
        features: Region features of its images, `[images, 1 + R, K]`.
        recipe: Recipe of the network.
    """
    network = embedder.network
    device = next(network.parameters()).device
    batches = torch.from_numpy(np.array(features)).split(BATCH_SIZE)
    embeddings = np.concatenate([network.image(batch.float().to(device)).cpu().numpy() for batch in batches])
    images = embedder.embed_features(embeddings, HEAD)
    vectors = text_vectors(embedder, HEAD, products.all_texts)
    tables = product_metrics(cast(JMC, network.heads[HEAD]), products, images, vectors)
    metrics = tables.pop("pictures")
    metrics |= {f"{key}, {name}": value for name, row in tables.items() for key, value in row.items()}
    return {key: value for key, value in metrics.items() if not key.startswith(UNTRAINED[recipe])}
