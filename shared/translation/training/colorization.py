"""Train the colorization network: `python -m shared.translation.train colorization`.

The palette is found by k-means over the chroma of training images, in which rare colors count more.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from skimage.color import rgb2lab
from sklearn.cluster import KMeans
from torch import Tensor
from torch.nn import functional as F

from shared.core import weights
from shared.core.image_files import ImageFile, read_images
from shared.networks.colorization import (
    STRIDE,
    Colorization,
    annealed_mean,
    colorization_loss,
    rebalancing_weights,
    soft_colors,
)
from shared.training.loop import LoopSettings, adamw, fit, seed_everything, step_seed
from shared.training.pretrained import load_imagenet_weights
from shared.translation.data.photos import draw_crops

SCALE = 2
PALETTE_CROPS = 4000
PALETTE_SIZE = 32  # side of their chroma maps in cells
VALIDATION_CROPS = 256


def lab_batch(files: Sequence[ImageFile], count: int, size: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return lightness and chroma of random crops, in CIE Lab.

    Args:
        files: Images to draw from.
        count: Number of crops, B.
        size: Side of a crop in pixels, a multiple of 4.
        seed: Seed of the crops.

    Returns:
        `[B, 1, size, size]` and `[B, 2, size / 4, size / 4]`.
    """
    crops = draw_crops(files, count, size, np.random.default_rng(seed))
    lab = torch.from_numpy(rgb2lab(crops.astype(np.float32) / 255).astype(np.float32)).permute(0, 3, 1, 2)
    lightness = vary_tones(lab[:, :1], np.random.default_rng(seed))
    return lightness, F.avg_pool2d(lab[:, 1:], STRIDE)


def vary_tones(lightness: Tensor, rng: np.random.Generator) -> Tensor:
    """Change contrast, brightness and sharpness of each image and add grain, as old prints differ.

    Args:
        lightness: `[B, 1, H, W]` in 0..100.
        rng: Source of randomness.

    Returns:
        The same shape and range.
    """
    varied = []
    for image in lightness / 100:
        gamma, low, high = np.exp(rng.uniform(-0.35, 0.35)), rng.uniform(0, 0.12), rng.uniform(0.85, 1)
        image = low + (high - low) * image ** float(gamma)
        if rng.random() < 0.25:
            factor = float(rng.uniform(1.5, 3))
            small = F.interpolate(image[None], scale_factor=1 / factor, mode="bilinear", antialias=True)
            image = F.interpolate(small, image.shape[-2:], mode="bilinear")[0]
        if rng.random() < 0.3:
            grain = rng.normal(0, rng.uniform(0.01, 0.06), image.shape)
            image = image + torch.from_numpy(grain.astype(np.float32))
        varied.append(image.clamp(0, 1) * 100)
    return torch.stack(varied)


def find_palette(chroma: np.ndarray, colors: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Cluster chroma into the colors of a palette.

    Args:
        chroma: `[N, 2]`, ab of CIE Lab.
        colors: Number of colors, Q.
        seed: Seed of k-means.

    Returns:
        The palette `[Q, 2]` and the share of each color `[Q]`, float32.
    """
    cells = np.floor(chroma / 5).astype(int)
    _, inverse, counts = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
    rarity = counts[inverse.ravel()] ** -0.75
    kmeans = KMeans(colors, n_init=1, random_state=seed).fit(chroma, sample_weight=rarity)
    shares = np.bincount(kmeans.predict(chroma), minlength=colors) / len(chroma)
    return kmeans.cluster_centers_.astype(np.float32), shares.astype(np.float32)


def train(args: argparse.Namespace) -> None:
    """Train the network and save it to `args.out/weights`."""
    seed_everything(args.seed)
    files, validation_files = read_images(args.data), read_images(args.validation)
    network = Colorization(scale=SCALE, colors=args.colors, channels=args.channels)
    published, _ = load_imagenet_weights(SCALE)
    network.load_state_dict({k: v for k, v in published.items() if k.startswith("base.")}, strict=False)
    _, sample = lab_batch(files, PALETTE_CROPS, PALETTE_SIZE * STRIDE // 4, seed=args.seed)
    palette, shares = find_palette(sample.permute(0, 2, 3, 1).reshape(-1, 2).numpy(), args.colors, args.seed)
    network.palette.copy_(torch.from_numpy(palette))
    class_weights = rebalancing_weights(torch.from_numpy(shares)).to(args.device)
    validation_batch = lab_batch(validation_files, VALIDATION_CROPS, args.size, seed=1)

    def make_batch(step: int) -> tuple[Tensor, ...]:
        return lab_batch(files, args.batch, args.size, seed=step_seed(args.seed, step) + 2)

    def loss(network: Colorization, batch: tuple[Tensor, ...]) -> Tensor:
        lightness, chroma = batch
        targets = soft_colors(chroma, network.palette)
        return colorization_loss(network(lightness), targets, class_weights)

    @torch.inference_mode()
    def validate(network: Colorization) -> dict[str, float]:
        lightness, chroma = (tensor.to(args.device) for tensor in validation_batch)
        logits = torch.cat([network(part) for part in lightness.split(32)])
        targets = soft_colors(chroma, network.palette)
        difference = annealed_mean(logits, network.palette) - chroma
        error = difference.square().sum(1).sqrt().mean()
        return {
            "loss": colorization_loss(logits, targets, class_weights).item(),
            "negative_error": -error.item(),
        }

    settings = LoopSettings(
        steps=args.steps,
        out=args.out,
        device=args.device,
        seed=args.seed,
        bf16=args.device != "cpu",
        workers=args.workers,
        validate_every=500,
        checkpoint_every=100,
        log_every=10,
    )
    optimizer = adamw(network, pretrained=network.base, rate=args.rate)
    trained = fit(network, optimizer, make_batch, loss, settings, validate)
    weights.save(trained, args.out / "weights")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the training from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m shared.translation.train colorization", description=__doc__
    )
    add = parser.add_argument
    add("--data", type=Path, nargs="+", required=True, help="folders, ZIP archives or lists of photos")
    add("--validation", type=Path, nargs="+", required=True, help="the same, other photos")
    add("--out", type=Path, required=True, help="folder of the run, which resumes from its checkpoint")
    add("--steps", type=int, default=2000)
    add("--batch", type=int, default=24)
    add("--size", type=int, default=128, help="side of the crops in pixels")
    add("--colors", type=int, default=128, help="size of the palette")
    add("--channels", type=int, default=128, help="channels of the decoder")
    add("--rate", type=float, default=1e-3, help="learning rate of the decoder; the encoder's is a third")
    add("--device", default="cpu")
    add("--seed", type=int, default=0)
    add("--workers", type=int, default=1, help="threads that prepare batches")
    train(parser.parse_args(arguments))


if __name__ == "__main__":
    main()
