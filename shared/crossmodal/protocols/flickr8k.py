"""Sentences find photos and photos find sentences, on Flickr8k.

The usual test: 1,000 photos and their 5,000 sentences. `i2t` is right when any of a photo's five sentences is
among the first K. Several sets of weights are compared one after the other, and with `--together` their mean
as well, as RRF-Net's authors put networks with different T together. CycleMatch has a row for each of its
scores.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from shared.core import engines, reports
from shared.core.weights import WeightsError
from shared.crossmodal.data import SPLITS, read_flickr8k
from shared.crossmodal.engines import MATCHERS
from shared.crossmodal.evaluate import figures
from shared.crossmodal.fusion import fuse
from shared.crossmodal.space import Space
from shared.networks.cyclematch import SCORES

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
    parser = reports.parser("Let sentences and photos find each other.", MODULE)
    parser.add_argument("--engine", nargs="+", choices=list(MATCHERS), help="(all)")
    parser.add_argument("--folders", nargs="+", metavar="FOLDER", help="weights in place of the engines' own")
    parser.add_argument("--base", metavar="FOLDER", help="weights of the recognition network")
    parser.add_argument("--split", choices=SPLITS, default="test", help="(%(default)s)")
    parser.add_argument("--together", action="store_true", help="also the mean of all weights' scores")
    options = parser.parse_args(arguments)
    names = options.engine or list(MATCHERS)
    given = options.folders or ([options.weights] if options.weights else [None] * len(names))
    if options.folders or options.weights:
        names = [names[0]] * len(given)
    try:
        data = read_flickr8k(options.data, options.split)
        spaces = [
            Space.load(engines.find(MATCHERS, name), folder=folder, base=options.base)
            for name, folder in zip(names, given, strict=True)
        ]
    except (FileNotFoundError, WeightsError) as error:
        parser.error(str(error))
    available, data = len(data.photos), data.first(options.limit)
    started = time.perf_counter()
    photos = tqdm(data.photos, unit="photo", leave=False)
    seen = [[space.describe([image])[0] for space in spaces] for image in (photo.image() for photo in photos)]
    metrics, found = {}, []
    for place, (name, folder, space) in enumerate(zip(names, given, spaces, strict=True)):
        pictures, texts = space.pictures(np.stack([row[place] for row in seen])), space.texts(data.texts)
        found.append(pictures @ texts.T)
        title = name if folder is None else Path(folder).name
        if space.network.kind == "cyclematch":
            metrics |= _each_score(title, pictures, texts, space, data.owners)
        metrics[title] = figures(found[-1], data.owners)
    if options.together:
        metrics["together"] = figures(fuse(np.stack(found)), data.owners)
    return reports.conclude(
        MODULE,
        arguments,
        options.json,
        started,
        benchmark="flickr8k",
        data=data.name,
        split=options.split,
        items=len(data.photos),
        weights=" and ".join(metrics),
        metrics=metrics,
        published=PUBLISHED if options.split == "test" and len(data.photos) == 1000 else {},
        available=available,
    )


def _each_score(
    title: str, pictures: np.ndarray, texts: np.ndarray, space: Space, owners: np.ndarray
) -> dict[str, dict[str, float]]:
    """CycleMatch's scores one by one, and their plain mean; those that fusion leaves out have no row."""
    scale = space.network.scale.cpu().numpy()
    parts = [rows.reshape(len(rows), len(SCORES), -1) for rows in (pictures, texts)]
    each = {
        score: parts[0][:, place] @ parts[1][:, place].T / scale[place] ** 2
        for place, score in enumerate(SCORES)
        if scale[place] > 0
    }
    rows = {f"{title}, {score}": figures(one, owners) for score, one in each.items()}
    return rows | {f"{title}, average": figures(fuse(np.stack(list(each.values()))), owners)}
