"""The theses' networks side by side, all on the same frozen features: what each part of them is worth.

As in the papers, pictures and sentences are vectors before training begins: the recognition network's
averages of each photo, and a public encoder's vector of each sentence (`shared.crossmodal.training.teacher`). Only the
matching networks learn, by the loss of their paper alone, all for as many steps; the last weights count, so
that no split is needed to choose. Means over seeds, and the standard deviation of `R_sum`. For CycleMatch
there are both ways of late fusion; the weights of the adaptive one come from the validation photos.

`--cache` has what the training keeps there. Every run keeps its scores in `--out`, so that a stopped
comparison goes on.
"""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.crossmodal.benchmarks.recall import figures
from shared.crossmodal.data.datasets import CaptionedImages, read_flickr8k
from shared.crossmodal.embedders.region_features import Backbone, load_backbone
from shared.crossmodal.training.feature_cache import cached_split_features
from shared.crossmodal.training.score_fusion import adaptive_weights, fuse
from shared.crossmodal.training.teacher import LENGTH, teacher_vectors
from shared.crossmodal.training.variants import TOGETHER, VARIANTS, Variant
from shared.evaluation import reports
from shared.networks.cyclematch import SCORE_NAMES
from shared.networks.itmeetsal import modality_entropy
from shared.networks.joint import HEAD_CLASSES
from shared.training.loop import LoopSettings, fit

MODULE = "shared.crossmodal.benchmark methods"


class FrozenFeatures:
    """Flickr8k as vectors.

    Args:
        options: Of the command line.
        split: One of `shared.crossmodal.data.datasets.SPLITS`.
        base: From `load_backbone`.

    Attributes:
        data: The set.
        photos: float32 `[photos, K]`, each of mean 0 and variance 1.
        sentences: float32 `[sentences, LENGTH]`, likewise.
    """

    def __init__(self, options: Namespace, split: str, base: tuple[nn.Module, str]) -> None:
        self.data: CaptionedImages = read_flickr8k(options.data, split)
        rows = cached_split_features(options.cache, f"flickr8k-{split}", base, self.data.photos)
        name = "flickr8k" if split == "train" else f"flickr8k-{split}"
        vectors = teacher_vectors(self.data.texts, options.cache / f"teacher-{name}.npy")
        self.data = self.data.first(options.limit)
        self.photos = _even(rows[: len(self.data.photos), 0])
        self.sentences = _even(vectors[: len(self.data.texts)])

    def draw(self, count: int, seed: int, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Photos, none twice, with a sentence each, and the photos' numbers."""
        rng = np.random.default_rng([seed, step])
        photos = rng.permutation(len(self.photos))[:count]
        first = np.searchsorted(self.data.owners, photos)
        last = np.searchsorted(self.data.owners, photos, side="right")
        texts = rng.integers(first, last)
        return self.photos[photos], self.sentences[texts], torch.from_numpy(photos)


def _even(rows: np.ndarray) -> Tensor:
    return F.layer_norm(torch.from_numpy(np.array(rows, np.float32)), rows.shape[1:])


def run(name: str, variant: Variant, seed: int, train: FrozenFeatures, others: Sequence[FrozenFeatures], options: Namespace):
    """Trains one network.

    Returns:
        For each of `others` the scores `[K, photos, sentences]`; and for ITMeetsAL how sure its discriminator
        is of the last of them: `entropy` in nats and `discriminator`, its share of right guesses.
    """
    folder = options.out / f"{name.replace(' ', '-')}-{seed}"
    kept = folder / "scores.npz"
    if not kept.is_file():
        torch.manual_seed(seed)
        channels = train.photos.shape[1]
        head = HEAD_CLASSES[variant.head](
            channels, LENGTH, width=options.width, **_settings(variant, options)
        )

        def loss(head: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
            rank = {"margin": options.margin, "hardest": options.hardest}
            return variant.ranking.loss(variant.head, head, *batch, **rank)

        optimizer = torch.optim.AdamW(head.parameters(), options.rate, weight_decay=1e-4, fused=True)
        settings = LoopSettings(steps=options.steps, out=folder, device=options.device, seed=seed)
        count = min(options.batch, len(train.photos))
        head = fit(head, optimizer, lambda step: train.draw(count, seed, step), loss, settings)
        found = [_scores(head.cpu(), one, variant) for one in others]
        np.savez(kept, *found, sure=_sure(head, others[-1]))
        (folder / "checkpoint.pt").unlink()
    with np.load(kept) as file:
        sure = dict(zip(("entropy", "discriminator"), file["sure"].tolist(), strict=False))
        return [file[f"arr_{place}"] for place in range(len(others))], sure


def _settings(variant: Variant, options: Namespace) -> dict[str, object]:
    given = {"hidden": options.hidden} if variant.head == "rrf" else {}
    return given | variant.settings


@torch.inference_mode()
def _scores(head: nn.Module, one: FrozenFeatures, variant: Variant) -> np.ndarray:
    x, y = head.images(one.photos), head.texts(one.sentences)
    if x.ndim == 2:
        x, y = x[:, None], y[:, None]
    found = torch.einsum("ikd,jkd->kij", *(F.normalize(part, dim=-1) for part in (x, y)))
    if variant.scores:
        found = found[[SCORE_NAMES.index(name) for name in variant.scores]]
    return found.half().numpy()


@torch.inference_mode()
def _sure(head: nn.Module, one: FrozenFeatures) -> list[float]:
    if not hasattr(head, "discriminator"):
        return []
    first = one.sentences[np.searchsorted(one.data.owners, np.arange(len(one.photos)))]
    guesses = [head.discriminator(part) for part in (head.images(one.photos), head.texts(first))]
    right = torch.cat([guesses[0] > 0, guesses[1] <= 0]).float().mean()
    return [float(modality_entropy(torch.cat(guesses))), float(right)]


def rows_of(name: str, scores: Sequence[np.ndarray], parts: Sequence[FrozenFeatures]) -> dict[str, dict[str, float]]:
    """Figures of one run on the last part; with several scores, of both ways to fuse them."""
    last, owners = scores[-1].astype(np.float32), parts[-1].data.owners
    if len(last) == 1:
        return {name: figures(last[0], owners)}
    found = {f"{name}, average": figures(fuse(last), owners)}
    shares = adaptive_weights(scores[0].astype(np.float32), parts[0].data.owners)
    return found | {f"{name}, adaptive": figures(fuse(last, shares), owners)}


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Train and compare the theses' networks on frozen features.", MODULE)
    add = parser.add_argument
    add(
        "--cache", type=Path, required=True, metavar="FOLDER", help="of the descriptions, as for the training"
    )
    add("--out", type=Path, required=True, metavar="FOLDER", help="of the runs; continues what lies there")
    add("--base", metavar="FOLDER", help="weights of the recognition network")
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
    base = load_backbone(options.base)
    train, *parts = (FrozenFeatures(options, split, base) for split in ("train", "dev", options.split))
    started = time.perf_counter()
    found: dict[str, list[dict[str, float]]] = {}
    for seed in range(options.seeds):  # seed by seed, so that a stopped comparison is a fair one
        kept: dict[str, np.ndarray] = {}
        for name in options.variants:
            scores, sure = run(name, VARIANTS[name], seed, train, parts, options)
            kept[name] = scores[-1].astype(np.float32)
            for title, row in rows_of(name, scores, parts).items():
                found.setdefault(title, []).append(row | sure)
        for title, names in TOGETHER.items():
            if set(names) <= set(kept):
                mean = fuse(np.concatenate([kept[name] for name in names]))
                found.setdefault(title, []).append(figures(mean, parts[-1].data.owners))
    metrics = {}
    for title, rows in found.items():
        metrics[title] = {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
        metrics[title]["R_sum_deviation"] = float(np.std([row["R_sum"] for row in rows]))
    return reports.finish(
        reports.Report(
            benchmark="methods",
            data=parts[-1].data.name,
            split=f"{options.split}, {options.steps} steps of {options.batch}, {options.seeds} seeds",
            items=len(parts[-1].data.photos),
            weights="frozen features",
            metrics=metrics,
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )
