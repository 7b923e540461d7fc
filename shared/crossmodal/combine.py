"""Combine a joint space with a partner: the weight of each, and what the sums of their scores mean.

    python -m shared.crossmodal.combine --data flickr8k=FLICKR8K coco=COCO named=THINGS \
        --weights weights/crossmodal-open --partner crossmodal-joint --captions crossmodal-captions

The partner's weight is the one with the highest sum of validation scores (`i2t_R@1 + t2i_mAP` of each set)
among those that are tried, and all engines share it; then every engine is calibrated on all sets. The
threshold of a good match is fitted to queries as visitors type them, over galleries of the photos of one set:
those of the benchmark `openworld`, and the names of things. All goes into the configuration of the first
space, which `shared.crossmodal.embedders.combined` reads.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from shared.core import weights
from shared.core.calibration import lowest_threshold, probability
from shared.crossmodal.benchmarks.embedding import image_features
from shared.crossmodal.benchmarks.openworld import read_queries, relevance
from shared.crossmodal.benchmarks.recall import shared_text_metrics
from shared.crossmodal.data.datasets import CaptionedImages, join
from shared.crossmodal.data.training_data import read_held_out
from shared.crossmodal.embedders.embedder import CALIBRATION_GALLERY_SIZE
from shared.crossmodal.embedders.joint_space import JointSpaceEmbedder
from shared.crossmodal.training.arguments import dataset_argument
from shared.crossmodal.training.calibration import FALSE_ACCEPT_RATE, calibrate

#: Weights of the partner that are tried.
SHARES = tuple(np.arange(0, 1.01, 0.1).round(2).tolist())


def validation_score(similarity: np.ndarray, sets: Sequence[CaptionedImages]) -> float:
    """Return the sum of the scores of all sets.

    Args:
        similarity: `[images, texts]` of all sets, joined.
        sets: The sets.
    """
    total, image_offset, text_offset = 0.0, 0, 0
    for data in sets:
        images, texts = len(data.images), len(data.texts)
        block = similarity[image_offset : image_offset + images, text_offset : text_offset + texts]
        distinct, relevant = data.distinct_texts()
        first = {text: position for position, text in reversed(list(enumerate(data.texts)))}
        metrics = shared_text_metrics(block[:, [first[text] for text in distinct]], relevant)
        total += metrics["i2t_R@1"] + metrics["t2i_mAP"]
        image_offset, text_offset = image_offset + images, text_offset + texts
    return total


def query_threshold(
    sets: Iterable[tuple[np.ndarray, np.ndarray]], scale: float, offset: float, galleries: int = 10
) -> dict[str, float]:
    """Fit the threshold of a good match to queries over galleries with one right photo among wrong ones.

    Args:
        sets: For each set scores `[queries, images]`, and bool of the same shape, True for right photos.
        scale: Slope of the calibration, see `shared.core.calibration.probability`.
        offset: Intercept of the calibration.
        galleries: Random galleries for each query.

    Returns:
        `threshold`, `false_accepts` and `true_accepts`, see
        `shared.crossmodal.training.calibration.calibrate`.
    """
    rng = np.random.default_rng(0)
    right, wrong = [], []
    for row, mask in (pair for part in sets for pair in zip(*part, strict=True)):
        if mask.any() and not mask.all():
            others = np.flatnonzero(~mask)
            for _ in range(galleries):
                right.append(row[rng.choice(np.flatnonzero(mask))])
                wrong.append(row[rng.permutation(others)[:CALIBRATION_GALLERY_SIZE]].max())
    accepted, alarms = (probability(np.array(best), scale, offset) for best in (right, wrong))
    threshold = lowest_threshold(alarms, FALSE_ACCEPT_RATE)
    return {
        "threshold": threshold,
        "false_accepts": float((alarms >= threshold).mean()),
        "true_accepts": float((accepted >= threshold).mean()),
    }


def combine(
    parts: Sequence[JointSpaceEmbedder], held_out: Sequence[CaptionedImages], shares: Sequence[float] = SHARES
) -> dict[str, Any]:
    """Choose the partner's weight and calibrate the combination.

    Args:
        parts: The joint space and its partner.
        held_out: Validation sets.
        shares: Weights of the partner that are tried.

    Returns:
        Keys of a configuration: `partner_share`, and `combined` with those of
        `shared.crossmodal.training.calibration.calibrate`, by engine.
    """
    data = join(held_out) if len(held_out) > 1 else held_out[0]
    features = [image_features(part, data) for part in parts]

    def similarities(engine: str) -> list[np.ndarray]:
        return [
            part.embed_features(rows, engine) @ part.embed_texts(data.texts, engine).T
            for part, rows in zip(parts, features, strict=True)
        ]

    first, partner = similarities(parts[0].engines[0])
    scores = {share: validation_score((1 - share) * first + share * partner, held_out) for share in shares}
    print(scores)
    best = max(scores, key=lambda share: scores[share])
    queries = [_queries(part) for part in held_out]
    ends = np.cumsum([len(part.images) for part in held_out])[:-1]
    combined: dict[str, dict[str, Any]] = {}
    for engine in parts[0].engines:
        first, partner = similarities(engine)
        joined = (1 - best) * first + best * partner
        fitted = calibrate(joined, data.image_index, data.identities)
        answers = []
        for number, (texts, relevant) in enumerate(queries):
            of_set = [np.split(rows, ends)[number] for rows in features]
            first, partner = (
                part.embed_texts(texts, engine) @ part.embed_features(rows, engine).T
                for part, rows in zip(parts, of_set, strict=True)
            )
            answers.append(((1 - best) * first + best * partner, relevant))
        if any(relevant.any() for _, relevant in answers):
            fitted |= query_threshold(answers, *fitted["calibration"])
        for name, value in fitted.items():
            combined.setdefault(name, {})[engine] = value
    return {"partner_share": best, "combined": combined}


def _queries(data: CaptionedImages) -> tuple[list[str], np.ndarray]:
    """Return the queries for a set, and which of its images are right for each, bool `[queries, images]`."""
    if data.classes is not None:
        names = list(data.class_names)
        return names, np.arange(len(names))[:, None] == data.classes
    queries = read_queries()
    return [query.text for query in queries], relevance(queries, data)


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Run the combination from the command line and return the new keys of the configuration."""
    parser = argparse.ArgumentParser(
        prog="python -m shared.crossmodal.combine",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--data", nargs="+", type=dataset_argument, required=True, metavar="NAME=FOLDER")
    add("--weights", type=os.path.abspath, required=True, metavar="FOLDER", help="of the joint space")
    add("--partner", required=True, metavar="NAME", help="weights of the partner")
    add("--captions", required=True, metavar="NAME", help="weights of the caption decoder")
    add("--recognition", metavar="FOLDER", help="weights of the recognition network")
    add("--shares", nargs="+", type=float, default=SHARES, help="weights of the partner to try")
    args = parser.parse_args(arguments)
    name = os.path.basename(args.weights)
    try:
        held_out = [read_held_out([source])[0] for source in args.data]
        parts = [
            JointSpaceEmbedder.load(name, folder=args.weights, backbone_folder=args.recognition),
            JointSpaceEmbedder.load(args.partner),
        ]
    except (FileNotFoundError, weights.WeightsError) as error:
        parser.error(str(error))
    config = combine(parts, held_out, args.shares)
    config |= {"partner": args.partner, "captions": args.captions}
    weights.update_config(args.weights, **config)
    print(config)
    return config


if __name__ == "__main__":
    main()
