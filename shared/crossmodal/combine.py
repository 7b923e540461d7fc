"""Combine a joint space with a partner: the weight of each, and what the sums of their scores mean.

    python -m shared.crossmodal.combine --data flickr8k=FLICKR8K coco=COCO named=THINGS \
        --weights weights/crossmodal-open --partner crossmodal-joint --captions crossmodal-captions

The partner's weight is the one with the highest sum of validation scores (`i2t_R@1 + t2i_mAP` of each set)
among those that are tried, and all engines share it; then every engine is calibrated on the captions of all
sets. Queries as visitors type them, those of the benchmark `openworld` and the names of things, have a
calibration of their own; they also decide what the evidence of the caption decoder counts for in the first
engine (`shared.crossmodal.likelihood`), whose reference images are drawn from the validation sets. All goes
into the folder of the first space, which `shared.crossmodal.embedders.combined` reads.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from shared.core import weights
from shared.core.calibration import fit_probability, lowest_threshold, probability
from shared.core.image_files import ImageFile
from shared.crossmodal.benchmarks.embedding import image_features
from shared.crossmodal.benchmarks.openworld import hit_rates, read_queries, relevance
from shared.crossmodal.benchmarks.recall import shared_text_metrics
from shared.crossmodal.data.datasets import CaptionedImages, join
from shared.crossmodal.data.training_data import read_held_out
from shared.crossmodal.embedders.combined import CombinedEmbedder
from shared.crossmodal.embedders.embedder import CALIBRATION_GALLERY_SIZE
from shared.crossmodal.embedders.joint_space import JointSpaceEmbedder
from shared.crossmodal.likelihood import TextLikelihood, save_references
from shared.crossmodal.training.arguments import dataset_argument
from shared.crossmodal.training.calibration import FALSE_ACCEPT_RATE, calibrate
from shared.networks.crossmodal.captions import CaptionDecoder

#: Weights of the partner that are tried.
SHARES = tuple(np.arange(0, 1.01, 0.1).round(2).tolist())
#: Factors of the evidence that are tried, and the number of reference images.
EVIDENCE_SHARES, REFERENCE_COUNT = (0.0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15), 32
#: Sizes of galleries for which thresholds hold beside that of the calibration.
LARGER_SIZES = (100, 400)


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
    sets: Sequence[tuple[np.ndarray, np.ndarray]], scale: float, offset: float, galleries: int = 10
) -> dict[str, float]:
    """Fit the threshold of a good match to queries over galleries with one right photo among wrong ones.

    Args:
        sets: For each set scores `[queries, images]`, and bool of the same shape, True for right photos.
        scale: Slope of the calibration, see `shared.core.calibration.probability`.
        offset: Intercept of the calibration.
        galleries: Random galleries for each query and size.

    Returns:
        `threshold`, the lowest that at most `FALSE_ACCEPT_RATE` of the queries of any one set reach without a
        right photo in galleries of `CALIBRATION_GALLERY_SIZE`; `size_exponent`, so that this also holds in
        those of `LARGER_SIZES`; `false_accepts` and `true_accepts` over all sets, see
        `shared.crossmodal.training.calibration.calibrate`.
    """
    log_odds = [(scale * scores + offset, mask) for scores, mask in sets if mask.any()]

    def fit(size: int) -> tuple[float, np.ndarray, np.ndarray]:
        pairs = [_best_scores(*part, size, galleries) for part in log_odds]
        limit = max(lowest_threshold(wrong, FALSE_ACCEPT_RATE) for _, wrong in pairs)
        right, wrong = (np.concatenate(group) for group in zip(*pairs, strict=True))
        return limit, right, wrong

    limit, right, wrong = fit(CALIBRATION_GALLERY_SIZE)
    growth = [
        (fit(size)[0] - limit) / np.log(size / CALIBRATION_GALLERY_SIZE)
        for size in LARGER_SIZES
        if size <= max(mask.shape[1] for _, mask in log_odds)
    ]
    return {
        "threshold": float(probability(limit, 1, 0).round(5)),
        "size_exponent": float(np.clip(max(growth, default=1.0), 0, 1).round(3)),
        "false_accepts": float((wrong >= limit).mean()),
        "true_accepts": float((right >= limit).mean()),
    }


def _best_scores(
    scores: np.ndarray, mask: np.ndarray, size: int, galleries: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return scores of right photos, and the best of as many galleries of wrong ones.

    Both are `[queries * galleries]`.
    """
    rng = np.random.default_rng(0)
    right, wrong = [], []
    for row, is_right in zip(scores, mask, strict=True):
        if is_right.any() and not is_right.all():
            others = np.flatnonzero(~is_right)
            for _ in range(galleries):
                right.append(row[rng.choice(np.flatnonzero(is_right))])
                wrong.append(row[rng.permutation(others)[:size]].max())
    return np.array(right), np.array(wrong)


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
    combined: dict[str, dict[str, Any]] = {}
    for engine in parts[0].engines:
        first, partner = similarities(engine)
        joined = (1 - best) * first + best * partner
        fitted = calibrate(joined, data.image_index, data.identities)
        for name, value in fitted.items():
            combined.setdefault(name, {})[engine] = value
    return {"partner_share": best, "combined": combined}


def calibrate_queries(
    embedder: CombinedEmbedder, held_out: Sequence[CaptionedImages], shares: Sequence[float] = EVIDENCE_SHARES
) -> dict[str, Any]:
    """Choose what the evidence of the caption decoder counts for, and calibrate the scores of queries.

    Args:
        embedder: Combined space with a decoder, whose evidence counts as it is in the first engine.
        held_out: Validation sets.
        shares: Factors that are tried; the best has the highest sum of R@1, R@5 and `true_accepts` over all
            queries.

    Returns:
        Keys of a configuration: `evidence` for the first engine, and `queries`, by engine.
    """
    features = [image_features(embedder, data) for data in held_out]
    texts, relevant = zip(*map(_queries, held_out), strict=True)
    counts = [int(right.any(1).sum()) for right in relevant]
    evidence: dict[str, float] = {}
    queries: dict[str, dict[str, Any]] = {}
    for engine in embedder.engines:
        plain = [
            embedder.embed_texts(part, engine) @ embedder.embed_features(rows, engine).T
            for part, rows in zip(texts, features, strict=True)
        ]
        trials = {0.0: _fit_queries(plain, relevant)}
        if embedder.has_evidence(engine):
            gains = [
                np.stack([embedder.evidence(text, rows, engine) for text in part])
                for part, rows in zip(texts, features, strict=True)
            ]
            totals: dict[float, float] = {}
            for share in shares:
                scores = [part + share * gain for part, gain in zip(plain, gains, strict=True)]
                trials[share] = _fit_queries(scores, relevant)
                rates = [sum(hit_rates(*pair).values()) for pair in zip(scores, relevant, strict=True)]
                totals[share] = float(np.average(rates, weights=counts)) + trials[share]["true_accepts"]
            print(totals)
            evidence[engine] = max(totals, key=lambda share: totals[share])
        for name, value in trials[evidence.get(engine, 0.0)].items():
            queries.setdefault(name, {})[engine] = value
    return {"evidence": evidence, "queries": queries}


def _fit_queries(scores: Sequence[np.ndarray], relevant: Sequence[np.ndarray]) -> dict[str, Any]:
    """Fit probability and threshold of an engine to queries; see `query_threshold`."""
    fitted = fit_probability(
        np.concatenate([part[right] for part, right in zip(scores, relevant, strict=True)]),
        np.concatenate([part[~right] for part, right in zip(scores, relevant, strict=True)]),
    )
    verdict = query_threshold(list(zip(scores, relevant, strict=True)), *fitted)
    return {"calibration": [round(value, 6) for value in fitted], **verdict}


def draw_references(
    space: JointSpaceEmbedder,
    decoder: CaptionDecoder,
    held_out: Sequence[CaptionedImages],
    count: int = REFERENCE_COUNT,
) -> np.ndarray:
    """Return what a decoder attends to in random validation images, float32 `[count, R, width]`.

    As many come from each set.
    """
    rng = np.random.default_rng(0)
    images: list[ImageFile] = []
    for part, data in zip(np.array_split(np.arange(count), len(held_out)), held_out, strict=True):
        images += [data.images[index] for index in rng.choice(len(data.images), len(part), replace=False)]
    with torch.inference_mode():
        rows = torch.stack([space.region_rows(image.image()).cpu() for image in images])
        return decoder.memory(rows).numpy()


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
    decoder = weights.load(CaptionDecoder, args.captions)
    references = draw_references(parts[0], decoder, held_out)
    save_references(args.weights, references)
    parts[0].config = {**config, "evidence": {parts[0].engines[0]: 1.0}}
    shares = [1 - config["partner_share"], config["partner_share"]]
    embedder = CombinedEmbedder(parts, shares, likelihood=TextLikelihood(decoder, references))
    added = calibrate_queries(embedder, held_out)
    weights.update_config(args.weights, **added)
    print(config | added)
    return config | added


if __name__ == "__main__":
    main()
