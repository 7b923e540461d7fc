"""What it is worth to learn matching and classification together: JMC beside networks with one task alone.

Each recipe of `shared.crossmodal.train_jmc` is trained on all given sets at once, from several seeds, for as
many steps, and tested on each set. Means over the seeds; `sd` is the largest standard deviation of a row's
figures. What a network was not trained for is left out. The figures are those of the benchmark `joint`: for
kinds of words see `shared.crossmodal.products.products.text_variants`.

Options that are not listed go to the training. A comparison that is cut off goes on where it was.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from shared.core.weights import WeightsError
from shared.crossmodal import train_jmc
from shared.crossmodal.data.datasets import SPLITS, CaptionedImages
from shared.crossmodal.data.registry import READERS
from shared.crossmodal.embedders.region_features import load_backbone
from shared.crossmodal.training.feature_cache import cached_split_features
from shared.crossmodal.embedders.joint_space import JointSpaceEmbedder
from shared.crossmodal.engines import CLASSIFIERS
from shared.crossmodal.products.joint_classifier import HEAD
from shared.crossmodal.products.products import product_metrics, text_variants
from shared.evaluation import reports

MODULE = "shared.crossmodal.benchmark tasks"


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the comparison from the command line."""
    parser = reports.benchmark_parser(
        "Compare learning both tasks with learning one alone; --data is Grocery's.", MODULE
    )
    add = parser.add_argument
    add("--fashion", type=Path, metavar="DIR", help="root folder of the fashion set")
    add("--others", type=Path, required=True, metavar="DIR", help="root folder of Flickr8k")
    add("--cache", type=Path, required=True, metavar="DIR", help="of the descriptions")
    add("--out", type=Path, required=True, metavar="DIR", help="of the runs")
    add("--seeds", type=reports.positive_int, default=3, metavar="N", help="(%(default)s)")
    add("--base", metavar="FOLDER", help="weights of the recognition network")
    add("--split", choices=SPLITS, default="test", help="(%(default)s)")
    options, more = parser.parse_known_args(arguments)
    roots = {"grocery": options.data, "fashion": options.fashion}
    roots = {name: root for name, root in roots.items() if root is not None}
    given = ["--data", *(f"{name}={root}" for name, root in roots.items()), "--cache", str(options.cache)]
    given += [
        "--others",
        f"flickr8k={options.others}",
        *([] if options.base is None else ["--base", options.base]),
    ]
    started = time.perf_counter()
    try:
        sets = {name: READERS[name](root, options.split).first(options.limit) for name, root in roots.items()}
        base = load_backbone(options.base)
    except (FileNotFoundError, WeightsError) as error:
        parser.error(str(error))
    end = "" if options.limit is None else f"-{options.limit}"
    rows = {
        name: cached_split_features(options.cache, f"{name}-{options.split}{end}", base, data.photos)
        for name, data in sets.items()
    }
    metrics: dict[str, dict[str, float]] = {}
    for recipe in train_jmc.RECIPES:
        found: dict[str, list[dict[str, float]]] = {name: [] for name in sets}
        for seed in range(options.seeds):
            out = options.out / f"{recipe}-{seed}"
            folder = train_jmc.main(
                [*given, "--recipe", recipe, "--seed", str(seed), "--out", str(out), *more]
            )
            space = JointSpaceEmbedder.load(CLASSIFIERS["jmc"], folder=folder, base=options.base)
            for name, data in sets.items():
                found[name].append(_figures(space, data, rows[name], name, roots[name], recipe))
        for name, each in found.items():
            row = {key: float(np.mean([one[key] for one in each])) for key in each[0]}
            spread = max(float(np.std([one[key] for one in each])) for key in row)
            metrics[f"{sets[name].name}, {recipe}"] = {**row, "sd": spread}
    return reports.finish(
        reports.Report(
            benchmark="tasks",
            data=" and ".join(data.name for data in sets.values()),
            split=options.split,
            items=sum(len(data.photos) for data in sets.values()),
            weights=f"means over {options.seeds} seeds",
            metrics=metrics,
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )


@torch.inference_mode()
def _figures(
    space: JointSpaceEmbedder, data: CaptionedImages, rows: np.ndarray, name: str, root: Path, recipe: str
) -> dict[str, float]:
    """What one network reaches on one set, of what it was trained for."""
    device = next(space.network.parameters()).device
    parts = (part.float().to(device) for part in torch.from_numpy(np.array(rows)).split(128))
    embedded = np.concatenate([space.network.image(part).cpu().numpy() for part in parts])
    images = space.pictures(embedded, HEAD)
    kinds = text_variants(data, root)
    texts = list(dict.fromkeys([*data.texts, *(text for words in kinds.values() for text in words)]))
    vectors = dict(zip(texts, space.texts(texts, HEAD), strict=True))
    first = space.config["sets"][name][0]
    tables = product_metrics(space.network.heads[HEAD], images, data, vectors, kinds=kinds, first=first)
    found = dict(tables.pop("pictures"))
    found |= {f"{key}, {kind}": value for kind, row in tables.items() for key, value in row.items()}
    skipped = {"matching": "top1", "classification": ("i2t", "t2i"), "joint": ()}[recipe]
    return {key: value for key, value in found.items() if not key.startswith(skipped)}
