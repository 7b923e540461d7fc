"""Ablation of the theses' networks, all on the same frozen features.

As in the papers, images and sentences are vectors before training begins: the recognition network's average
of each image's maps, and a public encoder's vector of each sentence (`shared.crossmodal.training.teacher`).
Only the matching networks learn, by the loss of their paper alone, all for as many steps; the last weights
count, so that no split is needed to select them. Means over seeds, and the standard deviation of `R_sum`.
CycleMatch has rows for both ways of late fusion; the weights of the adaptive one come from the development
split.

`--cache` is that of the training. Every run stores its scores in `--out`, so that an interrupted comparison
resumes.
"""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.crossmodal.benchmarks.recall import recall_metrics
from shared.crossmodal.benchmarks.variants import ENSEMBLES, VARIANTS, Variant
from shared.crossmodal.data.datasets import read_flickr8k
from shared.crossmodal.embedders.region_features import Backbone, load_backbone
from shared.crossmodal.training.feature_cache import cached_split_features
from shared.crossmodal.training.score_fusion import adaptive_weights, fuse
from shared.crossmodal.training.teacher import TEACHER_DIM, teacher_vectors
from shared.evaluation import reports
from shared.networks.crossmodal.cyclematch import SCORE_NAMES
from shared.networks.crossmodal.itmeetsal import ITMeetsAL, modality_entropy
from shared.networks.crossmodal.joint import HEAD_CLASSES, MatchingHead
from shared.training.loop import LoopSettings, fit

MODULE = "shared.crossmodal.benchmark methods"


class FrozenFeatures:
    """One split of Flickr8k as vectors.

    Args:
        options: Options of the command line.
        split: One of `shared.crossmodal.data.datasets.SPLITS`.
        backbone: Network for region features.

    Attributes:
        data: The split.
        images: float32 `[images, K]`, each of mean 0 and variance 1.
        sentences: float32 `[sentences, TEACHER_DIM]`, likewise.
    """

    def __init__(self, options: Namespace, split: str, backbone: Backbone) -> None:
        data = read_flickr8k(options.data, split)
        rows = cached_split_features(options.cache, f"flickr8k-{split}", backbone, data.images)
        name = "flickr8k" if split == "train" else f"flickr8k-{split}"
        vectors = teacher_vectors(data.texts, options.cache / f"teacher-{name}.npy")
        self.data = data.head(options.limit)
        self.images = _standardize(rows[: len(self.data.images), 0])
        self.sentences = _standardize(vectors[: len(self.data.texts)])

    def draw(self, count: int, seed: int, step: int) -> tuple[Tensor, ...]:
        """Draw distinct images, a sentence of each, and the images' indices."""
        rng = np.random.default_rng([seed, step])
        images = rng.permutation(len(self.images))[:count]
        first = np.searchsorted(self.data.image_index, images)
        last = np.searchsorted(self.data.image_index, images, side="right")
        texts = rng.integers(first, last)
        return self.images[images], self.sentences[texts], torch.from_numpy(images)


@dataclass(frozen=True)
class Run:
    """Result of the training of one variant.

    Attributes:
        scores: Scores `[K, images, sentences]` of each evaluated split.
        discriminator: Metrics of ITMeetsAL's discriminator on the last split: its `entropy` in nats and, as
            `discriminator`, its accuracy; none for other networks.
    """

    scores: Sequence[np.ndarray]
    discriminator: dict[str, float]


def train_variant(
    name: str, seed: int, train: FrozenFeatures, splits: Sequence[FrozenFeatures], options: Namespace
) -> Run:
    """Train a variant and score other splits with it, unless its scores are stored already.

    Args:
        name: One of `VARIANTS`.
        seed: Seed of the run.
        train: Training split.
        splits: Splits to score.
        options: Options of the command line.
    """
    variant = VARIANTS[name]
    folder = options.out / f"{name.replace(' ', '-')}-{seed}"
    path = folder / "scores.npz"
    if not path.is_file():
        head = _fit_head(variant, seed, folder, train, options)
        scores = [_scores(head, split, variant) for split in splits]
        np.savez(path, *scores, sure=np.array(_discriminator_metrics(head, splits[-1])))
        (folder / "checkpoint.pt").unlink()
    with np.load(path) as file:
        discriminator = dict(zip(("entropy", "discriminator"), file["sure"].tolist(), strict=False))
        return Run([file[f"arr_{index}"] for index in range(len(splits))], discriminator)


def _fit_head(
    variant: Variant, seed: int, folder: Path, train: FrozenFeatures, options: Namespace
) -> nn.Module:
    torch.manual_seed(seed)
    hidden = {"hidden": options.hidden} if variant.head == "rrf" else {}
    head_class = HEAD_CLASSES[variant.head]
    channels = train.images.shape[1]
    head = head_class(channels, TEACHER_DIM, width=options.width, **hidden, **variant.settings)

    def loss(head: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        image, text, ids = batch
        return variant.losses(head, image, text, ids, margin=options.margin, hardest=options.hardest)

    optimizer = torch.optim.AdamW(head.parameters(), options.rate, weight_decay=1e-4, fused=True)
    settings = LoopSettings(steps=options.steps, out=folder, device=options.device, seed=seed)
    count = min(options.batch, len(train.images))
    return fit(head, optimizer, lambda step: train.draw(count, seed, step), loss, settings).cpu()


def _standardize(rows: np.ndarray) -> Tensor:
    return F.layer_norm(torch.from_numpy(np.array(rows, np.float32)), rows.shape[1:])


@torch.inference_mode()
def _scores(head: nn.Module, split: FrozenFeatures, variant: Variant) -> np.ndarray:
    matching_head = cast(MatchingHead, head)
    x, y = matching_head.images(split.images), matching_head.texts(split.sentences)
    if x.ndim == 2:
        x, y = x[:, None], y[:, None]
    scores = torch.einsum("ikd,jkd->kij", F.normalize(x, dim=-1), F.normalize(y, dim=-1))
    if variant.scores:
        scores = scores[[SCORE_NAMES.index(name) for name in variant.scores]]
    return scores.half().numpy()


@torch.inference_mode()
def _discriminator_metrics(head: nn.Module, split: FrozenFeatures) -> list[float]:
    """Return the entropy of ITMeetsAL's discriminator and its accuracy; nothing for other heads."""
    if not isinstance(head, ITMeetsAL):
        return []
    first = split.sentences[np.searchsorted(split.data.image_index, np.arange(len(split.images)))]
    logits = [head.discriminator(vectors) for vectors in (head.images(split.images), head.texts(first))]
    accuracy = torch.cat([logits[0] > 0, logits[1] <= 0]).float().mean()
    return [float(modality_entropy(torch.cat(logits))), float(accuracy)]


def run_metrics(name: str, run: Run, splits: Sequence[FrozenFeatures]) -> dict[str, dict[str, float]]:
    """Compute the metrics of a run on the last split; with several scores, of both ways to fuse them.

    Args:
        name: Name of the variant.
        run: Result of its training.
        splits: Splits that were scored; the first one decides the weights of the adaptive fusion.
    """
    scores, image_index = run.scores[-1].astype(np.float32), splits[-1].data.image_index
    if len(scores) == 1:
        return {name: recall_metrics(scores[0], image_index)}
    weights = adaptive_weights(run.scores[0].astype(np.float32), splits[0].data.image_index)
    return {
        f"{name}, average": recall_metrics(fuse(scores), image_index),
        f"{name}, adaptive": recall_metrics(fuse(scores, weights), image_index),
    }


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Train and compare the theses' networks on frozen features.", MODULE)
    add = parser.add_argument
    add("--cache", type=Path, required=True, metavar="FOLDER", help="of region features, as for the training")
    add("--out", type=Path, required=True, metavar="FOLDER", help="of the runs; resumes what lies there")
    add("--recognition", metavar="FOLDER", help="weights of the recognition network")
    add("--variants", nargs="+", choices=list(VARIANTS), default=list(VARIANTS), metavar="NAME", help="(all)")
    add("--split", choices=("dev", "test"), default="test", help="(%(default)s)")
    add("--seeds", type=reports.positive_int, default=3, help="(%(default)s)")
    add("--steps", type=reports.positive_int, default=400, help="of each run (%(default)s)")
    add("--batch", type=reports.positive_int, default=256, help="(%(default)s)")
    add("--width", type=reports.positive_int, default=512, help="of the joint space (%(default)s)")
    add("--hidden", type=reports.positive_int, default=2048, help="of RRF-Net's first layer (%(default)s)")
    add("--margin", type=float, default=0.1, help="(%(default)s)")
    add("--hardest", type=reports.positive_int, default=50, metavar="N", help="negatives (%(default)s)")
    add("--rate", type=float, default=1e-3, help="(%(default)s)")
    add("--device", default="cpu", help="(%(default)s)")
    options = parser.parse_args(arguments)
    if options.weights:
        parser.error("this benchmark trains its own networks and takes no --weights")
    backbone = load_backbone(options.recognition)
    train, *splits = (FrozenFeatures(options, split, backbone) for split in ("train", "dev", options.split))
    started = time.perf_counter()
    rows: dict[str, list[dict[str, float]]] = {}
    for seed in range(options.seeds):  # seed by seed, so that an interrupted comparison is a fair one
        scores: dict[str, np.ndarray] = {}
        for name in options.variants:
            run = train_variant(name, seed, train, splits, options)
            scores[name] = run.scores[-1].astype(np.float32)
            for title, row in run_metrics(name, run, splits).items():
                rows.setdefault(title, []).append(row | run.discriminator)
        for title, names in ENSEMBLES.items():
            if set(names) <= set(scores):
                mean = fuse(np.concatenate([scores[name] for name in names]))
                rows.setdefault(title, []).append(recall_metrics(mean, splits[-1].data.image_index))
    metrics = {}
    for title, seed_rows in rows.items():
        metrics[title] = {key: float(np.mean([row[key] for row in seed_rows])) for key in seed_rows[0]}
        metrics[title]["R_sum_deviation"] = float(np.std([row["R_sum"] for row in seed_rows]))
    return reports.finish(
        reports.Report(
            benchmark="methods",
            data=splits[-1].data.name,
            split=f"{options.split}, {options.steps} steps of {options.batch}, {options.seeds} seeds",
            items=len(splits[-1].data.images),
            weights="frozen features",
            metrics=metrics,
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )
