"""Retrieval between sentences and images on Flickr8k.

The usual test: 1,000 images and their 5,000 sentences. `i2t` is right if any of an image's five sentences is
among the first K. As in the Space, evidence (`Embedder.evidence`) orders the images that a sentence finds,
but not the sentences that an image finds. Every engine has a row, and each of CycleMatch's scores. Several
sets of weights are compared one after the other, and with `--mean` the mean of their scores as well, as
RRF-Net's authors fuse networks with different T.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from shared.core.weights import WeightsError
from shared.crossmodal.benchmarks.embedding import image_features, similarities
from shared.crossmodal.benchmarks.recall import recall_metrics
from shared.crossmodal.data.datasets import SPLITS, read_flickr8k
from shared.crossmodal.embedders.joint_space import JointSpaceEmbedder
from shared.crossmodal.engines import OPEN_WEIGHTS, load_combined_space
from shared.crossmodal.training.score_fusion import fuse
from shared.evaluation import reports
from shared.gallery.search import RESCORED
from shared.networks.crossmodal.cyclematch import SCORE_NAMES

MODULE = "shared.crossmodal.benchmark flickr8k"

#: Recall at 1 on the 1,000 test images; CNN features as each paper had them.
PUBLISHED = {
    "UVSE, VGG": {"i2t_R@1": 0.180, "t2i_R@1": 0.125},
    "FV, HGLMM": {"i2t_R@1": 0.310, "t2i_R@1": 0.212},
    "SPE, VGG": {"i2t_R@1": 0.301, "t2i_R@1": 0.230},
    "NAA, ResNet": {"i2t_R@1": 0.372, "t2i_R@1": 0.277},
    "SCAN, regions, ensemble": {"i2t_R@1": 0.522, "t2i_R@1": 0.383},
}


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Measure retrieval between sentences and images.", MODULE)
    parser.add_argument(
        "--folders", nargs="+", metavar="FOLDER", help="several weights, in place of --weights"
    )
    parser.add_argument("--recognition", metavar="FOLDER", help="weights of the recognition network")
    parser.add_argument("--split", choices=SPLITS, default="test", help="(%(default)s)")
    parser.add_argument("--mean", action="store_true", help="also the mean of all weights' scores")
    options = parser.parse_args(arguments)
    folders = options.folders or [options.weights]
    try:
        data = read_flickr8k(options.data, options.split)
        embedders = [
            load_combined_space(folder=folder, backbone_folder=options.recognition) for folder in folders
        ]
    except (FileNotFoundError, WeightsError) as error:
        parser.error(str(error))
    available, data = len(data.images), data.head(options.limit)
    started = time.perf_counter()
    metrics: dict[str, dict[str, float]] = {}
    first_scores = []
    for folder, embedder in zip(folders, embedders, strict=True):
        prefix = f"{Path(folder).name}: " if len(folders) > 1 else ""
        features = image_features(embedder, data)
        for engine in embedder.engines:
            images = embedder.embed_features(features, engine)
            texts = embedder.embed_texts(data.texts, engine)
            similarity = images @ texts.T
            if engine == embedder.engines[0]:
                first_scores.append(similarity)
            metrics[prefix + engine] = recall_metrics(similarity, data.image_index)
            if embedder.has_evidence(engine):
                found = similarities(embedder, engine, data.texts, features, RESCORED)
                metrics[prefix + engine] = _with_evidence(metrics[prefix + engine], found.T, data.image_index)
            if engine == "cyclematch" and isinstance(embedder, JointSpaceEmbedder):
                scales = embedder.network.score_scales.cpu().numpy()
                scores = _score_metrics(images, texts, scales, data.image_index)
                metrics |= {f"{prefix}{engine}, {name}": row for name, row in scores.items()}
    if options.mean:
        metrics["mean"] = recall_metrics(fuse(np.stack(first_scores)), data.image_index)
    return reports.finish(
        reports.Report(
            benchmark="flickr8k",
            data=data.name,
            split=options.split,
            items=len(data.images),
            weights=" and ".join(Path(folder).name for folder in folders) if folders[0] else OPEN_WEIGHTS,
            metrics=metrics,
            published=PUBLISHED if options.split == "test" and len(data.images) == 1000 else {},
            available=available,
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )


def _with_evidence(
    metrics: dict[str, float], similarity: np.ndarray, image_index: np.ndarray
) -> dict[str, float]:
    """Return metrics with those of images found by texts from scores with evidence, `[images, texts]`."""
    found = recall_metrics(similarity, image_index)
    merged = metrics | {name: value for name, value in found.items() if name.startswith("t2i")}
    return merged | {"R_sum": sum(value for name, value in merged.items() if "_R@" in name)}


def _score_metrics(
    images: np.ndarray, texts: np.ndarray, scales: np.ndarray, image_index: np.ndarray
) -> dict[str, dict[str, float]]:
    """Compute the metrics of each of CycleMatch's scores that fusion uses, and of their plain mean."""
    image_parts, text_parts = (rows.reshape(len(rows), len(SCORE_NAMES), -1) for rows in (images, texts))
    similarities = {
        name: image_parts[:, index] @ text_parts[:, index].T / scales[index] ** 2
        for index, name in enumerate(SCORE_NAMES)
        if scales[index] > 0
    }
    metrics = {name: recall_metrics(similarity, image_index) for name, similarity in similarities.items()}
    mean = fuse(np.stack(list(similarities.values())))
    return metrics | {"average": recall_metrics(mean, image_index)}
