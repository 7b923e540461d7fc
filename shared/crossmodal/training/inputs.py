"""Inputs of the training of a joint space: samplers of images and texts, and validation sets."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.crossmodal.data.training_data import TrainingData
from shared.crossmodal.embedders.region_features import Backbone
from shared.crossmodal.text.tokenizer import SubwordTokenizer
from shared.crossmodal.training.batches import PairSampler, TextSampler
from shared.crossmodal.training.feature_cache import cached_split_features
from shared.crossmodal.training.starting_point import StartingPoint
from shared.crossmodal.training.teacher import teacher_vectors
from shared.crossmodal.training.validation import ValidationSet, ValidationSets


@dataclass(frozen=True)
class TrainingInputs:
    """Inputs of one training.

    Attributes:
        pairs: Sampler of images and texts.
        texts: Sampler of all texts with the teacher's vectors; None without the teacher.
        extra_texts: Sampler of texts without images; None without `--nouns`.
        validation: Validation sets.
    """

    pairs: PairSampler
    texts: TextSampler | None
    extra_texts: TextSampler | None
    validation: ValidationSets


def prepare_inputs(args: argparse.Namespace, data: TrainingData, start: StartingPoint) -> TrainingInputs:
    """Compute, or read from the cache, the region features and the teacher's vectors of a training.

    Args:
        args: From `shared.crossmodal.training.joint_arguments.joint_parser`.
        data: Data of the training.
        start: Its starting point.
    """
    tokenizer = SubwordTokenizer(start.settings["words"], start.settings["buckets"])
    features, held_out_features = _region_features(args, data, start.backbone)
    teacher = texts = extra_texts = None
    if args.distil:
        teacher, extra = _teacher(args, data)
        all_texts = [*data.data.texts, *data.sentences]
        texts = TextSampler(all_texts, tokenizer, np.concatenate([teacher, extra]))
        if args.nouns:
            extra_texts = TextSampler(data.sentences, tokenizer, extra)
    pairs = PairSampler(
        data.data, tokenizer, features, teacher, sampling=data.sampling, bare_names=data.bare_names
    )
    validation = [
        ValidationSet(part, rows, tokenizer, args.device)
        for part, rows in zip(data.held_out, held_out_features, strict=True)
    ]
    return TrainingInputs(pairs, texts, extra_texts, ValidationSets(validation))


def _region_features(
    args: argparse.Namespace, data: TrainingData, backbone: Backbone | None
) -> tuple[list[np.ndarray], Sequence[np.ndarray | None]]:
    """Return the features of the training images (and mirrored), and those of each validation set."""
    if backbone is None:
        return [], [None] * len(data.held_out)
    features = []
    for mirrored in (False, True)[: 1 + args.mirrored]:
        parts = [
            cached_split_features(args.cache, f"{name}-train", backbone, part.images, mirrored=mirrored)
            for name, part in zip(data.names, data.parts, strict=True)
        ]
        features.append(np.concatenate(parts))
    names = data.names[0], "-".join(data.names[1:])
    held_out = [
        np.array(cached_split_features(args.cache, f"{name}-dev", backbone, part.images))
        for name, part in zip(names, data.held_out, strict=False)
    ]
    return features, held_out


def _teacher(args: argparse.Namespace, data: TrainingData) -> tuple[np.ndarray, np.ndarray]:
    """Return the teacher's vectors of the texts with images, and of those without."""
    names = "-".join(data.names)
    vectors = teacher_vectors(data.data.texts, args.cache / f"teacher-{names}.npy")
    if not data.sentences:
        return vectors, vectors[:0]
    name = "-".join(["teacher", *(kind for kind in ("sentences", "nouns") if getattr(args, kind))])
    return vectors, teacher_vectors(data.sentences, args.cache / f"{name}.npy")
