"""What a training of a joint space reads: described photos, and sentences without photos."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shared.crossmodal.data.datasets import CaptionedImages, MissingSplitError, join, read_sentences
from shared.crossmodal.data.named_things import names_alone, read_nouns
from shared.crossmodal.data.registry import READERS
from shared.crossmodal.training.feature_cache import cached_split_features
from shared.networks.regions import RegionBackbone


@dataclass(frozen=True)
class TrainingData:
    """See `read_training_data`.

    Attributes:
        names: What files of descriptions call each set.
        sets: The training part of each set.
        held_out: See `read_held_out`.
        data: All sets as one.
        chances: How likely each picture of `data` is drawn, `[photos]`, of sum 1; None for all the same.
        named: Which texts of `data` are names alone, bool `[texts]`; None where there are none.
        sentences: Texts without pictures.
    """

    names: tuple[str, ...]
    sets: tuple[CaptionedImages, ...]
    held_out: tuple[CaptionedImages, ...]
    data: CaptionedImages
    chances: np.ndarray | None
    named: np.ndarray | None
    sentences: tuple[str, ...]

    def rows(self, cache: Path, base: tuple[RegionBackbone, str], *, mirrored: bool) -> np.ndarray:
        """Descriptions of all photos of `data`, see `cached_split_features`; in memory, to draw at random."""
        each = zip(self.names, self.sets, strict=True)
        return np.concatenate(
            [cached_split_features(cache, f"{name}-train", base, one.photos, mirrored=mirrored) for name, one in each]
        )

    def held_out_rows(self, cache: Path, base: tuple[RegionBackbone, str]) -> list[np.ndarray]:
        """Descriptions of the photos of each of `held_out`, in memory."""
        names = self.names[0], "-".join(self.names[1:])
        each = zip(names, self.held_out, strict=False)
        return [np.array(cached_split_features(cache, f"{name}-dev", base, one.photos)) for name, one in each]


def read_training_data(args: argparse.Namespace) -> TrainingData:
    """Reads what the command line of a training names.

    Args:
        args: `data`, `sentences`, `nouns` and `share` of `shared.crossmodal.training.joint_arguments.arguments`.

    Raises:
        FileNotFoundError: Something is missing.
        SystemExit: A set that `--share` is for has no classes.
    """
    read = [(READERS[name], folder) for name, folder in args.data]
    sets = tuple(reader(folder, "train") for reader, folder in read)
    sentences: tuple[str, ...] = ()
    if args.sentences:
        parts = [_part(reader, folder, split) for reader, folder in read for split in ("dev", "test")]
        sentences += read_sentences(args.sentences, [text for part in parts if part for text in part.texts])
    if args.nouns:
        sentences += read_nouns(args.nouns)
    # Folders tell sets of things apart, of which there may be several, even if all are called `train`.
    names = tuple(
        "-".join([name, *folder.resolve().parts[-2:]]) if name == "named" else name
        for name, folder in args.data
    )
    data = sets[0] if len(sets) == 1 else join(sets)
    kinds = [name for name, _ in args.data]
    named = None
    if "named" in kinds:
        each = zip(kinds, sets, strict=True)
        named = np.concatenate([names_alone(one) & (kind == "named") for kind, one in each])
    return TrainingData(names, sets, read_held_out(args.data), data, _chances(sets, args.share), named, sentences)


def read_held_out(data: Sequence[tuple[str, Path]]) -> tuple[CaptionedImages, ...]:
    """The validation part of the first set and, as one, of those after it that have one.

    Args:
        data: Name and folder of each set, as `--data` has them.

    Raises:
        FileNotFoundError: The first set has none.
    """
    (name, folder), *others = data
    first = READERS[name](folder, "dev")
    rest = [part for name, folder in others if (part := _part(READERS[name], folder, "dev"))]
    return (first, *([join(rest)] if len(rest) > 1 else rest))


def _part(reader: Callable[[Path, str], CaptionedImages], folder: Path, split: str) -> CaptionedImages | None:
    """A part of a set; None where it has none."""
    try:
        return reader(folder, split)
    except MissingSplitError:
        return None


def _chances(sets: Sequence[CaptionedImages], share: float | None) -> np.ndarray | None:
    """A share of all draws for the sets after the first, in which all classes come as often."""
    if share is None or len(sets) == 1:
        return None
    first, *rest = sets
    if not all(one.class_names for one in rest):
        raise SystemExit("--share needs classes in all sets after the first")
    found = [np.full(len(first.photos), (1 - share) / len(first.photos))]
    classes = sum(len(np.unique(one.classes)) for one in rest)
    for one in rest:
        _, place, counts = np.unique(one.classes, return_inverse=True, return_counts=True)
        found.append(share / classes / counts[place])
    return np.concatenate(found)
