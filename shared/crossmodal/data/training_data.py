"""Data of the training of a joint space: images with captions, and sentences without images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shared.crossmodal.data.datasets import CaptionedImages, MissingSplitError, join, read_multi30k
from shared.crossmodal.data.named_images import bare_name_mask, read_wordnet_nouns
from shared.crossmodal.data.registry import READERS

#: Name of a reader, and the folder of its data set.
DatasetSource = tuple[str, Path]


@dataclass(frozen=True)
class TrainingData:
    """Data of one training; `read_training_data` returns it.

    Attributes:
        names: Name of each data set in the files of the feature cache.
        parts: Training split of each data set.
        held_out: See `read_held_out`.
        data: All data sets as one.
        sampling: Probability that each image of `data` is drawn, `[images]`, of sum 1; None for a uniform
            one.
        bare_names: Mask of the texts of `data` that are names alone, bool `[texts]`; None without names.
        sentences: Texts without images.
    """

    names: tuple[str, ...]
    parts: tuple[CaptionedImages, ...]
    held_out: tuple[CaptionedImages, ...]
    data: CaptionedImages
    sampling: np.ndarray | None
    bare_names: np.ndarray | None
    sentences: tuple[str, ...]


def read_training_data(
    datasets: Sequence[DatasetSource],
    *,
    sentences: Path | None = None,
    nouns: Path | None = None,
    extra_share: float | None = None,
) -> TrainingData:
    """Read the data of a training.

    Args:
        datasets: Data sets; the first one is the main one.
        sentences: Folder of Multi30k, whose captions are read without images; None for none.
        nouns: Folder of WordNet's nouns; None for none.
        extra_share: Share of all draws that goes to the data sets after the first, where all classes are
            drawn equally often; None draws all images equally often.

    Raises:
        FileNotFoundError: A data set is missing.
        SystemExit: A data set that `extra_share` is for has no classes.
    """
    parts = tuple(READERS[name](folder, "train") for name, folder in datasets)
    texts: tuple[str, ...] = ()
    if sentences is not None:
        held_out = [_read_split(source, split) for source in datasets for split in ("dev", "test")]
        texts += read_multi30k(sentences, [text for part in held_out if part for text in part.texts])
    if nouns is not None:
        texts += read_wordnet_nouns(nouns)
    return TrainingData(
        names=tuple(_cache_name(source) for source in datasets),
        parts=parts,
        held_out=read_held_out(datasets),
        data=parts[0] if len(parts) == 1 else join(parts),
        sampling=_sampling(parts, extra_share),
        bare_names=_bare_names(datasets, parts),
        sentences=texts,
    )


def read_held_out(datasets: Sequence[DatasetSource]) -> tuple[CaptionedImages, ...]:
    """Read the development split of the first data set and, as one, of those after it that have one.

    Raises:
        FileNotFoundError: The first data set has none.
    """
    (name, folder), *extra = datasets
    first = READERS[name](folder, "dev")
    parts = [part for source in extra if (part := _read_split(source, "dev"))]
    return (first, *([join(parts)] if len(parts) > 1 else parts))


def _read_split(source: DatasetSource, split: str) -> CaptionedImages | None:
    """Read a split of a data set; None if it has no such split."""
    name, folder = source
    try:
        return READERS[name](folder, split)
    except MissingSplitError:
        return None


def _cache_name(source: DatasetSource) -> str:
    """Return a name that distinguishes several folders of named images, which may all be called `train`."""
    name, folder = source
    return "-".join([name, *folder.resolve().parts[-2:]]) if name == "named" else name


def _bare_names(datasets: Sequence[DatasetSource], parts: Sequence[CaptionedImages]) -> np.ndarray | None:
    names = [name for name, _ in datasets]
    if "named" not in names:
        return None
    return np.concatenate(
        [bare_name_mask(part) & (name == "named") for name, part in zip(names, parts, strict=True)]
    )


def _sampling(parts: Sequence[CaptionedImages], extra_share: float | None) -> np.ndarray | None:
    """Return the probability of each image; see `read_training_data`."""
    if extra_share is None or len(parts) == 1:
        return None
    first, *extra = parts
    class_counts = []
    for part in extra:
        if part.classes is None:
            raise SystemExit("--extra-share needs classes in all sets after the first")
        _, inverse, counts = np.unique(part.classes, return_inverse=True, return_counts=True)
        class_counts.append((len(counts), counts[inverse]))
    classes = sum(count for count, _ in class_counts)
    sampling = [np.full(len(first.images), (1 - extra_share) / len(first.images))]
    sampling += [extra_share / classes / images_per_class for _, images_per_class in class_counts]
    return np.concatenate(sampling)
