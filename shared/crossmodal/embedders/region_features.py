"""Region features of images: the backbone's maps, averaged over the whole image, a grid, or windows."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor

from shared.core import weights
from shared.core.images import to_tensor
from shared.core.models import load_on_device
from shared.networks.cfn import CFN
from shared.networks.crossmodal.regions import RegionBackbone, RegionEmbedding, pool_windows

#: Images are resized to a square, so that all cells of the grid cover as many positions.
IMAGE_SIZE = 224
#: Test-time augmentation view: side of the square, and True if it is mirrored.
View = tuple[int, bool]
SINGLE_VIEW: tuple[View, ...] = ((IMAGE_SIZE, False),)
#: Recognition network whose weights the backbone has unless it was fine-tuned.
RECOGNITION = "recognition-cfn"


class Backbone(NamedTuple):
    """Frozen network for region features.

    Attributes:
        network: Network in eval mode.
        digest: SHA-256 of the weights, which identifies them.
    """

    network: RegionBackbone
    digest: str


def load_backbone(
    folder: str | os.PathLike | None = None,
    *,
    device: str | torch.device | None = None,
    allow_hub: bool = False,
) -> Backbone:
    """Load the backbone of the recognition network.

    Args:
        folder: Weights to use in place of the recognition network's own.
        device: Device of the network; by default the best available.
        allow_hub: True permits a download of weights that are not on this machine.

    Raises:
        WeightsError: The weights cannot be used.
    """
    cfn, path = load_on_device(CFN, RECOGNITION, folder=folder, device=device, allow_hub=allow_hub)
    network = RegionBackbone().load_cfn(cfn).to(next(cfn.parameters()).device)
    return Backbone(network.to(memory_format=torch.channels_last).eval(), weights.digest(path))


def network_input(image: Image.Image, *, mirrored: bool = False, size: int = IMAGE_SIZE) -> Tensor:
    """Convert an RGB image to the input of the backbone, `[1, 3, size, size]` in 0..1."""
    image = image.resize((size, size), Image.Resampling.BICUBIC, reducing_gap=2.0)
    return to_tensor(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else image)


@torch.inference_mode()
def embed_views(
    features: Callable[[Tensor], Tensor],
    encoder: RegionEmbedding,
    image: Image.Image,
    views: Sequence[View] = SINGLE_VIEW,
) -> Tensor:
    """Return the mean embedding of an image over test-time augmentation views, `[F]`.

    Args:
        features: Computes region features; a `RegionBackbone`, or its compiled form.
        encoder: Image encoder of a joint space.
        image: RGB image.
        views: Views of the image.
    """
    rows = []
    for size, group in groupby(views, key=lambda view: view[0]):  # one pass for all views of a size
        x = torch.cat([network_input(image, mirrored=mirrored, size=size) for _, mirrored in group])
        rows.append(features(_on_device(x, encoder)).half())
    return encoder(torch.cat(rows).float().to(encoder.score.weight.device)).mean(0)


@torch.inference_mode()
def embed_windows(
    feature_map: Callable[[Tensor], Tensor], encoder: RegionEmbedding, image: Image.Image
) -> Tensor:
    """Return the embeddings of windows around all positions of the map, row by row, `[positions, F]`.

    Args:
        feature_map: Computes the map; `RegionBackbone.feature_map`, or its compiled form.
        encoder: Image encoder of a joint space.
        image: RGB image.
    """
    maps = feature_map(_on_device(network_input(image), encoder))
    return encoder.embed_regions(pool_windows(maps).to(encoder.score.weight.device))[0]


def _on_device(x: Tensor, encoder: RegionEmbedding) -> Tensor:
    return x.to(encoder.score.weight.device, memory_format=torch.channels_last)
