"""Training of the coloring network: `python -m shared.translation.train coloring --data SOURCE --out DIR`.

The drawings are made of photos, some of them by the drawing network.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.core import weights
from shared.core.image_files import read_images
from shared.core.models import load_on_device
from shared.networks.backbones.efficientnet_lite import EfficientNetLiteBackbone
from shared.networks.drawing import ColoringNetwork, DrawingNetwork
from shared.training.loop import LoopSettings, adamw, fit, seed_everything
from shared.training.pretrained import load_imagenet_weights
from shared.translation.data.drawing_pairs import drawing_pairs, pair_batch
from shared.translation.drawing.lines import DrawingMapper

SCALE = 0
DRAWING = "translation-drawing"
CHROMA_WEIGHT = 6.0  # added weight of the color of a pixel, for each unit of its chroma in the photo
FEATURE_WEIGHT = 0.15
FEATURE_BLOCKS = 3  # of the fixed network, after its stem
FROZEN_BLOCKS = 3  # of the pretrained network, after its stem: their gradients take half the time of a step


class FeatureLoss(nn.Module):
    """Mean L1 distance of two images in the first maps of a fixed network for ImageNet.

    Johnson, Alahi and Fei-Fei, "Perceptual Losses for Real-Time Style Transfer and Super-Resolution", ECCV
    2016, with EfficientNet-Lite in place of VGG-16.

    Args:
        backbone: Network with its weights; they are not trained.

    Shape:
        Two inputs `[B, 3, H, W]`, RGB in 0..1; output a scalar, 0 or above.
    """

    def __init__(self, backbone: EfficientNetLiteBackbone) -> None:
        super().__init__()
        self.stem = backbone.stem
        self.blocks = backbone.blocks[:FEATURE_BLOCKS]
        self.requires_grad_(False)

    def forward(self, image: Tensor, target: Tensor) -> Tensor:
        with torch.no_grad():
            expected = self.maps(target)
        distances = [
            F.l1_loss(actual, fixed) / fixed.std()
            for actual, fixed in zip(self.maps(image), expected, strict=True)
        ]
        return torch.stack(distances).mean()

    def maps(self, x: Tensor) -> list[Tensor]:
        """Return the maps of the stem and of all blocks, `[B, C, h, w]`, of images `[B, 3, H, W]` in 0..1."""
        maps = [F.relu6(self.stem(x * 2 - 1))]
        for block in self.blocks:
            maps.append(block(maps[-1]))
        return maps


def split_color(image: Tensor) -> tuple[Tensor, Tensor]:
    """Split RGB `[B, 3, H, W]` into lightness `[B, 1, H, W]` and the difference of each channel from it."""
    lightness = (image * image.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    return lightness, image - lightness


def coloring_loss(image: Tensor, target: Tensor) -> Tensor:
    """Compute the L1 distance of lightness and color, where vivid colors of the photo count more.

    An unweighted distance is least for grey where several colors are possible; the weight moves it towards
    the vivid ones (Zhang, Isola and Efros, "Colorful Image Colorization", ECCV 2016, section 2.2).

    Args:
        image: `[B, 3, H, W]`, RGB in 0..1.
        target: The same shape.

    Returns:
        Scalar, 0 or above.
    """
    (lightness, color), (target_lightness, target_color) = split_color(image), split_color(target)
    chroma = target_color.square().sum(1, keepdim=True).sqrt()
    colored = ((1 + CHROMA_WEIGHT * chroma) * (color - target_color).abs()).mean()
    return F.l1_loss(lightness, target_lightness) + 2 * colored


def train(options: argparse.Namespace) -> None:
    """Train and write the weights to `options.out/weights`."""
    seed_everything(options.seed)
    drawing_network, _ = load_on_device(
        DrawingNetwork, DRAWING, folder=options.drawing, device=options.device
    )
    pairs = drawing_pairs(
        read_images(options.data), DrawingMapper(drawing_network), options.out / "pairs", options.pairs
    )
    network = ColoringNetwork(SCALE)
    published, _ = load_imagenet_weights(SCALE)
    network.load_state_dict({k: v for k, v in published.items() if k.startswith("base.")}, strict=False)
    nn.ModuleList([network.base.stem, *network.base.blocks[:FROZEN_BLOCKS]]).requires_grad_(False)
    backbone = EfficientNetLiteBackbone(SCALE)
    backbone.load_state_dict({k[5:]: v for k, v in published.items() if k.startswith("base.")})
    feature_loss = FeatureLoss(backbone).to(options.device).to(memory_format=torch.channels_last)

    def make_batch(step: int) -> tuple[Tensor, ...]:
        rng = np.random.default_rng([options.seed, step])
        batch = pair_batch(pairs, options.batch, options.size, rng)
        return tuple(torch.from_numpy(values) for values in batch)

    def loss(network: ColoringNetwork, batch: tuple[Tensor, ...]) -> Tensor:
        drawings, photos = (values.contiguous(memory_format=torch.channels_last) for values in batch)
        images, photos = network(drawings), F.avg_pool2d(photos, 2)
        return coloring_loss(images, photos) + FEATURE_WEIGHT * feature_loss(images, photos)

    settings = LoopSettings(
        steps=options.steps,
        out=options.out,
        device=options.device,
        seed=options.seed,
        average=0.995,
        checkpoint_every=100,
        log_every=20,
    )
    optimizer = adamw(network, pretrained=network.base, rate=options.rate)
    trained = fit(network, optimizer, make_batch, loss, settings)
    weights.save(trained, options.out / "weights")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the training from the command line."""
    parser = argparse.ArgumentParser(prog="python -m shared.translation.train coloring", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, nargs="+", required=True, help="folders, ZIP archives or lists of photos")
    add("--out", type=Path, required=True, help="folder of the run, which resumes from its checkpoint")
    add("--drawing", type=Path, help=f"weight folder of the drawing network in place of {DRAWING}")
    add("--pairs", type=int, default=3000, help="photos to draw (%(default)s)")
    add("--steps", type=int, default=1000)
    add("--batch", type=int, default=16)
    add("--size", type=int, default=128, help="side of the crops in pixels")
    add("--rate", type=float, default=1.5e-3, help="learning rate")
    add("--device", default="cpu")
    add("--seed", type=int, default=0)
    train(parser.parse_args(arguments))
