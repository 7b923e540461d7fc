"""Sentences find photos and photos find sentences, on Flickr8k.

The usual test: 1,000 photos and their 5,000 sentences. `i2t` is right when any of a photo's five sentences is
among the first K. Every engine has a row, and each of CycleMatch's scores. Several sets of weights are
compared one after the other, and with `--together` their mean as well, as RRF-Net's authors put networks with
different T together.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from shared.core.weights import WeightsError
from shared.crossmodal.benchmarks.recall import figures
from shared.crossmodal.data.datasets import SPLITS, read_flickr8k
from shared.crossmodal.embedders.embedder import IMAGE_FEATURE as PICTURE
from shared.crossmodal.embedders.joint_space import JointSpaceEmbedder
from shared.crossmodal.engines import JOINT_WEIGHTS as JOINT
from shared.crossmodal.training.score_fusion import fuse
from shared.evaluation import reports
from shared.networks.cyclematch import SCORE_NAMES

MODULE = "shared.crossmodal.benchmark flickr8k"

#: Recall at 1 on the 1,000 test photos; CNN features as each paper had them.
PUBLISHED = {
    "UVSE, VGG": {"i2t_R@1": 0.180, "t2i_R@1": 0.125},
    "FV, HGLMM": {"i2t_R@1": 0.310, "t2i_R@1": 0.212},
    "SPE, VGG": {"i2t_R@1": 0.301, "t2i_R@1": 0.230},
    "NAA, ResNet": {"i2t_R@1": 0.372, "t2i_R@1": 0.277},
    "SCAN, regions, ensemble": {"i2t_R@1": 0.522, "t2i_R@1": 0.383},
}


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Let sentences and photos find each other.", MODULE)
    parser.add_argument(
        "--folders", nargs="+", metavar="FOLDER", help="several weights, in place of --weights"
    )
    parser.add_argument("--base", metavar="FOLDER", help="weights of the recognition network")
    parser.add_argument("--split", choices=SPLITS, default="test", help="(%(default)s)")
    parser.add_argument("--together", action="store_true", help="also the mean of all weights' scores")
    options = parser.parse_args(arguments)
    given = options.folders or [options.weights]
    try:
        data = read_flickr8k(options.data, options.split)
        spaces = [JointSpaceEmbedder.load(folder=folder, base=options.base) for folder in given]
    except (FileNotFoundError, WeightsError) as error:
        parser.error(str(error))
    available, data = len(data.photos), data.first(options.limit)
    started = time.perf_counter()
    metrics: dict[str, dict[str, float]] = {}
    together = []
    for folder, space in zip(given, spaces, strict=True):
        prefix = f"{Path(folder).name}: " if len(given) > 1 else ""
        photos = tqdm(data.photos, unit="photo", leave=False)
        rows = np.stack([space.describe([photo.image()])[0][PICTURE] for photo in photos])
        for engine in space.engines:
            pictures, texts = space.pictures(rows, engine), space.texts(data.texts, engine)
            found = pictures @ texts.T
            if engine == space.engines[0]:
                together.append(found)
            metrics[prefix + engine] = figures(found, data.owners)
            if engine == "cyclematch":
                scale = space.network.score_scales.cpu().numpy()
                each = _each_score(pictures, texts, scale, data.owners)
                metrics |= {f"{prefix}{engine}, {name}": row for name, row in each.items()}
    if options.together:
        metrics["together"] = figures(fuse(np.stack(together)), data.owners)
    return reports.finish(
        reports.Report(
            benchmark="flickr8k",
            data=data.name,
            split=options.split,
            items=len(data.photos),
            weights=" and ".join(Path(folder).name for folder in given) if given[0] else JOINT,
            metrics=metrics,
            published=PUBLISHED if options.split == "test" and len(data.photos) == 1000 else {},
            available=available,
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )


def _each_score(
    pictures: np.ndarray, texts: np.ndarray, scale: np.ndarray, owners: np.ndarray
) -> dict[str, dict[str, float]]:
    """CycleMatch's scores one by one, and their plain mean; those that fusion leaves out have no row."""
    parts = [rows.reshape(len(rows), len(SCORE_NAMES), -1) for rows in (pictures, texts)]
    each = {
        score: parts[0][:, place] @ parts[1][:, place].T / scale[place] ** 2
        for place, score in enumerate(SCORE_NAMES)
        if scale[place] > 0
    }
    rows = {score: figures(one, owners) for score, one in each.items()}
    return rows | {"average": figures(fuse(np.stack(list(each.values()))), owners)}
