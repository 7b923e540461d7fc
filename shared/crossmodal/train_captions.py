"""Train a caption decoder: `python -m shared.crossmodal.train_captions --data NAME=FOLDER ...`.

It reads the region features of a frozen recognition network (`--recognition`), which `--cache` stores as for
`shared.crossmodal.train`. The first data sets have captions; from images of things with names, the decoder
learns to name what they show ("an owl"). `--shares` divides the draws among the data sets with captions, in
their order, and all others together. The weights with the lowest loss on the development splits are kept.
"""

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
from shared.crossmodal.data.training_data import TrainingData, read_training_data
from shared.crossmodal.embedders.region_features import RECOGNITION, Backbone, load_backbone
from shared.crossmodal.text.tokenizer import build_vocabulary
from shared.crossmodal.training.arguments import training_parser
from shared.crossmodal.training.caption_batches import CaptionSampler, word_numbers
from shared.crossmodal.training.feature_cache import cached_split_features
from shared.networks.crossmodal.captions import PADDING, CaptionDecoder
from shared.training.loop import LoopSettings, fit, step_seed

LABEL_SMOOTHING = 0.1
MIN_WORD_COUNT = 4
VALIDATION_BATCH = 64
#: Images of a development split whose loss is computed.
VALIDATION_IMAGES = 500


def caption_loss(
    network: CaptionDecoder, batch: tuple[Tensor, Tensor], smoothing: float = LABEL_SMOOTHING
) -> Tensor:
    """Compute the cross-entropy of the next words of captions.

    Args:
        network: Decoder.
        batch: See `CaptionSampler.draw`.
        smoothing: Label smoothing.
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


def load_features(
    args: argparse.Namespace, data: TrainingData, backbone: Backbone
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the region features of all training images, and of the development split with captions."""
    train = [
        cached_split_features(args.cache, f"{name}-train", backbone, part.images)
        for name, part in zip(data.names, data.parts, strict=True)
    ]
    first = cached_split_features(args.cache, f"{data.names[0]}-dev", backbone, data.held_out[0].images)
    return np.concatenate(train), [first]


def main(arguments: Sequence[str] | None = None) -> Path:
    """Run the training from the command line and return the weight folder."""
    parser = training_parser(__doc__, "shared.crossmodal.train_captions", "those with captions come first")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.35, 0.45, 0.2])
    parser.add_argument("--steps", type=int, default=3000, metavar="N", help="steps (%(default)s)")
    parser.add_argument("--rate", type=float, default=1e-3, help="learning rate (%(default)s)")
    parser.add_argument("--layers", type=int, default=2, help="layers of the decoder (%(default)s)")
    parser.set_defaults(batch=192, words=4500, width=256, hidden=768, validate_every=500)
    args = parser.parse_args(arguments)
    data = read_training_data(args.data)
    captioned = len(args.shares) - 1
    parts = [
        part if number < captioned else sentences_for_names(part) for number, part in enumerate(data.parts)
    ]
    backbone = load_backbone(
        args.recognition, name=Path(args.recognition).name if args.recognition else RECOGNITION
    )
    rows, held_out_rows = load_features(args, data, backbone)
    texts = [text for part in parts for text in part.texts]
    words = build_vocabulary(texts, args.words, min_count=MIN_WORD_COUNT)
    network = CaptionDecoder(
        words,
        channels=backbone.network.channels,
        regions=1 + backbone.network.cells**2,
        width=args.width,
        hidden=args.hidden,
        layers=args.layers,
    )
    sampler = CaptionSampler(
        join(parts), rows, word_numbers(words), network.max_length, sampling(parts, args.shares)
    )
    held_out = data.held_out[0].head(VALIDATION_IMAGES)
    validation = CaptionSampler(held_out, held_out_rows[0], sampler.numbers, network.max_length)

    @torch.inference_mode()
    def validate(network: CaptionDecoder) -> Mapping[str, float]:
        images = np.arange(len(held_out.images))
        captions = held_out.first_texts()
        losses = [
            caption_loss(
                network, validation.batch(part, [captions[index] for index in part]), smoothing=0.0
            ).item()
            for part in np.array_split(images, max(1, len(images) // VALIDATION_BATCH))
        ]
        return {"score": -float(np.mean(losses))}

    def make_batch(step: int) -> tuple[Tensor, Tensor]:
        return sampler.draw(args.batch, step_seed(args.seed, step))

    optimizer = torch.optim.AdamW(network.parameters(), args.rate, weight_decay=0.02, fused=True)
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
    network = fit(network, optimizer, make_batch, partial(caption_loss), settings, validate)
    config = {
        "network": backbone.digest,
        "recognition": Path(args.recognition).name if args.recognition else RECOGNITION,
        "framing": list(backbone.framing),
    }
    return weights.save(network, args.out / "weights", config=config, quantized=True)


if __name__ == "__main__":
    main()
