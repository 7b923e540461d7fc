"""Stages of the training of a caption decoder; `shared.crossmodal.train_captions` says what it reads."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from shared.core import weights
from shared.crossmodal.data.datasets import CaptionedImages, join
from shared.crossmodal.data.named_images import with_article
from shared.crossmodal.data.training_data import read_training_data
from shared.crossmodal.embedders.region_features import RECOGNITION, load_backbone
from shared.crossmodal.text.tokenizer import build_vocabulary
from shared.crossmodal.training.caption_batches import CaptionSampler
from shared.crossmodal.training.feature_cache import cached_split_features
from shared.networks.crossmodal.captions import PADDING, CaptionDecoder, word_numbers
from shared.training.loop import LoopSettings, fit, step_seed

LABEL_SMOOTHING = 0.1
MIN_WORD_COUNT = 4
VALIDATION_BATCH = 64
#: Images of a development split whose loss is computed.
VALIDATION_IMAGES = 500


def caption_loss(network: CaptionDecoder, batch: tuple[Tensor, Tensor], smoothing: float = 0.0) -> Tensor:
    """Compute the cross-entropy of the next words of captions.

    Args:
        network: Decoder.
        batch: See `CaptionSampler.draw`.
        smoothing: Label smoothing, 0..1.
    """
    rows, ids = batch
    logits = network(rows, ids[:, :-1])
    return F.cross_entropy(
        logits.flatten(0, 1), ids[:, 1:].flatten(), ignore_index=PADDING, label_smoothing=smoothing
    )


def sentences_for_names(data: CaptionedImages) -> CaptionedImages:
    """Return images of things with one text each: the name with its article."""
    assert data.classes is not None
    texts = tuple(with_article(data.class_names[number]) for number in data.classes.tolist())
    return replace(data, texts=texts, image_index=np.arange(len(data.images)))


def sampling(parts: Sequence[CaptionedImages], shares: Sequence[float]) -> np.ndarray:
    """Return the probability of each image of all data sets, of sum 1.

    Args:
        parts: Data sets.
        shares: Share of each of the first data sets, and of all others together.
    """
    others = sum(len(part.images) for part in parts[len(shares) - 1 :])
    probabilities = [
        np.full(len(part.images), share / len(part.images))
        for part, share in zip(parts, shares[:-1], strict=False)
    ]
    probabilities.append(np.full(others, shares[-1] / max(others, 1)))
    joined = np.concatenate(probabilities)
    return joined / joined.sum()


class CaptionTraining:
    """Training of one decoder.

    Args:
        args: From `shared.crossmodal.train_captions.caption_parser`.

    Attributes:
        sampler: Sampler of the training images and their captions.
        held_out: Images of the first data set's development split, `VALIDATION_IMAGES` at most.
        validation: Sampler of these.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        data = read_training_data(args.data)
        captioned = len(args.shares) - 1
        parts = [*data.parts[:captioned], *map(sentences_for_names, data.parts[captioned:])]
        self.recognition = Path(args.recognition).name if args.recognition else RECOGNITION
        self.backbone = load_backbone(args.recognition, name=self.recognition)
        rows = [
            cached_split_features(args.cache, f"{name}-train", self.backbone, part.images)
            for name, part in zip(data.names, data.parts, strict=True)
        ]
        held_out_rows = cached_split_features(
            args.cache, f"{data.names[0]}-dev", self.backbone, data.held_out[0].images
        )
        texts = [text for part in parts for text in part.texts]
        words = build_vocabulary(texts, args.words, min_count=MIN_WORD_COUNT)
        self.network = CaptionDecoder(
            words,
            channels=self.backbone.network.channels,
            regions=1 + self.backbone.network.cells**2,
            width=args.width,
            hidden=args.hidden,
            layers=args.layers,
        )
        numbers, length = word_numbers(words), self.network.max_length
        self.sampler = CaptionSampler(
            join(parts), np.concatenate(rows), numbers, length, sampling(parts, args.shares)
        )
        self.held_out = data.held_out[0].head(VALIDATION_IMAGES)
        self.validation = CaptionSampler(self.held_out, held_out_rows, numbers, length)

    def run(self) -> Path:
        """Train the decoder and write the weight folder."""
        args = self.args
        optimizer = torch.optim.AdamW(self.network.parameters(), args.rate, weight_decay=0.02, fused=True)
        settings = LoopSettings(
            steps=args.steps,
            out=args.out,
            device=args.device,
            seed=args.seed,
            bf16=True,
            warmup=min(200, args.steps // 5),
            score="score",
            validate_every=args.validate_every,
            checkpoint_every=args.validate_every,
        )
        network = fit(
            self.network,
            optimizer,
            self.draw,
            partial(caption_loss, smoothing=LABEL_SMOOTHING),
            settings,
            self.validate,
        )
        config = {
            "network": self.backbone.digest,
            "recognition": self.recognition,
            "framing": list(self.backbone.framing),
        }
        return weights.save(network, args.out / "weights", config=config, quantized=True)

    def draw(self, step: int) -> tuple[Tensor, Tensor]:
        """Draw region features and captions; the step and the seed alone decide which."""
        return self.sampler.draw(self.args.batch, step_seed(self.args.seed, step))

    @torch.inference_mode()
    def validate(self, network: CaptionDecoder) -> Mapping[str, float]:
        """Return minus the mean loss of the held-out images' first captions as `score`."""
        images = np.arange(len(self.held_out.images))
        captions = self.held_out.first_texts()
        losses = [
            caption_loss(network, self.validation.batch(part, [captions[index] for index in part])).item()
            for part in np.array_split(images, max(1, len(images) // VALIDATION_BATCH))
        ]
        return {"score": -float(np.mean(losses))}
