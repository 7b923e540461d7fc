"""Region features of images: the backbone's maps, averaged over the whole image, a grid, or windows."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor

from shared.core import weights
from shared.core.images import resize_to_tensor
from shared.core.models import load_on_device
from shared.networks.cfn import CFN
from shared.networks.crossmodal.regions import RegionBackbone, RegionEmbedding, pool_windows

#: Side of the square that images are resized to, so that all cells of the grid cover as many positions.
IMAGE_SIZE = 224
#: Aspect ratios that are kept, width by height; an image gets the nearest one. Each size of the network's
#: input costs a program of its own (`shared.core.cpu_runtime`), so there are few.
ASPECT_RATIOS = (1.0, 9 / 7, 20 / 13, 7 / 9, 13 / 20)
#: Multiple of pixels that the sides of such an input are.
SIDE_STEP = 16
#: Test-time augmentation view: side of the square, and True if it is mirrored.
View = tuple[int, bool]
SINGLE_VIEW: tuple[View, ...] = ((IMAGE_SIZE, False),)
#: Recognition network whose weights the backbone has unless it was fine-tuned.
RECOGNITION = "recognition-cfn"


class Framing(NamedTuple):
    """Input of a network for region features.

    Attributes:
        size: Side of the square that the network reads, or of one of the same area, in pixels.
        keeps_aspect: True if an image keeps its aspect ratio, as far as `ASPECT_RATIOS` go; False squeezes it
            to a square.
    """

    size: int = IMAGE_SIZE
    keeps_aspect: bool = False

    def sides(self, image: Image.Image) -> tuple[int, int]:
        """Return width and height of the input for an image."""
        if not self.keeps_aspect:
            return self.size, self.size
        ratio = min(ASPECT_RATIOS, key=lambda ratio: abs(math.log(image.width / image.height / ratio)))
        width = SIDE_STEP * round(self.size * math.sqrt(ratio) / SIDE_STEP)
        return width, SIDE_STEP * round(width / ratio / SIDE_STEP)


#: The input of most networks.
SQUARE = Framing()
#: By backbone of the recognition network: classes of the concept channel, and the network's input.
CONCEPTS: Mapping[str, tuple[int, Framing]] = {"efficientnet_lite2": (1000, Framing(256, keeps_aspect=True))}


class Backbone(NamedTuple):
    """Frozen network for region features.

    Attributes:
        network: Network in eval mode.
        digest: SHA-256 of the weights, which identifies them.
        framing: Input of the network.
    """

    network: RegionBackbone
    digest: str
    framing: Framing = SQUARE


def load_backbone(
    folder: str | os.PathLike | None = None,
    *,
    name: str = RECOGNITION,
    device: str | torch.device | None = None,
    allow_hub: bool = False,
) -> Backbone:
    """Load the backbone of a recognition network, with the concept channel where `CONCEPTS` names it.

    Args:
        folder: Weights to use in place of the recognition network's own.
        name: Name of these weights.
        device: Device of the network; by default the best available.
        allow_hub: True permits a download of weights that are not on this machine.

    Raises:
        WeightsError: The weights cannot be used.
    """
    cfn, path = load_on_device(CFN, name, folder=folder, device=device, allow_hub=allow_hub)
    classes, framing = CONCEPTS.get(cfn.trunk, (0, SQUARE))
    network = RegionBackbone(backbone=cfn.trunk, classes=classes).load_cfn(cfn)
    network = network.to(next(cfn.parameters()).device).to(memory_format=torch.channels_last)
    return Backbone(network.eval(), weights.digest(path), framing)


def network_input(image: Image.Image, framing: Framing = SQUARE, *, mirrored: bool = False) -> Tensor:
    """Convert an RGB image to the input of the backbone, `[1, 3, h, w]` in 0..1."""
    x = resize_to_tensor(image, framing.sides(image))
    return x.flip(-1) if mirrored else x


@torch.inference_mode()
def view_features(
    features: Callable[[Tensor], Tensor],
    image: Image.Image,
    views: Sequence[View] = SINGLE_VIEW,
    *,
    keeps_aspect: bool = False,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Return the region features of an image in test-time augmentation views, `[views, R, K]`.

    Args:
        features: Computes region features; a `RegionBackbone`, or its compiled form.
        image: RGB image.
        views: Views of the image.
        keeps_aspect: See `Framing`.
        device: Device of the network.
    """
    rows = []
    for size, group in groupby(views, key=lambda view: view[0]):  # one pass for all views of a size
        framing = Framing(size, keeps_aspect)
        x = torch.cat([network_input(image, framing, mirrored=mirrored) for _, mirrored in group])
        rows.append(features(x.to(device, memory_format=torch.channels_last)).half())
    return torch.cat(rows).float()


@torch.inference_mode()
def embed_views(
    features: Callable[[Tensor], Tensor],
    encoder: RegionEmbedding,
    image: Image.Image,
    views: Sequence[View] = SINGLE_VIEW,
    *,
    keeps_aspect: bool = False,
) -> Tensor:
    """Return the mean embedding of an image over test-time augmentation views, `[F]`.

    Args:
        features: See `view_features`.
        encoder: Image encoder of a joint space.
        image: RGB image.
        views: Views of the image.
        keeps_aspect: See `Framing`.
    """
    device = encoder.score.weight.device
    rows = view_features(features, image, views, keeps_aspect=keeps_aspect, device=device)
    return encoder(rows.to(device)).mean(0)


@torch.inference_mode()
def embed_windows(
    feature_map: Callable[[Tensor], Tensor],
    backbone: RegionBackbone,
    encoder: RegionEmbedding,
    image: Image.Image,
    size: int = IMAGE_SIZE,
) -> Tensor:
    """Return the embeddings of windows around all positions of the map, row by row, `[positions, F]`.

    Args:
        feature_map: Computes the map; `backbone.feature_map`, or its compiled form.
        backbone: Network for region features.
        encoder: Image encoder of a joint space.
        image: RGB image, which is squeezed to a square.
        size: Side of the square in pixels.
    """
    maps = feature_map(_on_device(network_input(image, Framing(size)), encoder))
    return encoder.embed_regions(backbone.rows(pool_windows(maps).to(encoder.score.weight.device)))[0]


def _on_device(x: Tensor, encoder: RegionEmbedding) -> Tensor:
    return x.to(encoder.score.weight.device, memory_format=torch.channels_last)
