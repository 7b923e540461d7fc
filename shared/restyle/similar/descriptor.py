"""Descriptors of the garments of a person: features of a network and colors, over each garment alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from shared.core.images import to_tensor
from shared.core.predictors import NetworkPredictor
from shared.core.tiling import working_size
from shared.index.vectors import l2_normalize
from shared.networks.backbones.efficientnet_lite import EfficientNetLite
from shared.restyle.parsing.outfit import Outfit
from shared.restyle.similar.color import COLOR_DIM, color_histogram
from shared.restyle.similar.kinds import kind_mask, kinds_of

WORKING_SIDE = 320  # the network sees a person in as many pixels as a square of this side has
MAX_SIDE = 1024  # of its input
MARGIN = 0.06  # around a person, as a share of the longer side
MIN_PIXELS = 12  # of a garment, at that size


class PartWeights(NamedTuple):
    """Weights of the parts of a descriptor; the similarity is the weighted mean of theirs.

    Attributes:
        network: Features of the network.
        color: Histogram of colors.
    """

    network: float
    color: float


#: Chosen on the val split of Clothing Co-Parsing, see `shared.restyle.similar.benchmarks.similar`. Cosines of
#: the network are all near 1, those of colors anywhere in 0..1: so colors count more than their weight says.
WEIGHTS = PartWeights(network=0.85, color=0.15)


class GarmentParts(NamedTuple):
    """Parts of the descriptor of a garment, each float32 of unit length.

    Attributes:
        network: `[NETWORK_DIM]`.
        color: `[COLOR_DIM]`.
    """

    network: np.ndarray
    color: np.ndarray

    def join(self, weights: PartWeights = WEIGHTS) -> np.ndarray:
        """Return the descriptor, float32 `[DESCRIPTOR_DIM]` of unit length.

        The parts are scaled by the square roots of the normalised weights, so that the dot product of two
        descriptors is the weighted mean of those of their parts.
        """
        shares = np.sqrt(np.array(weights) / sum(weights))
        return np.concatenate([share * part for share, part in zip(shares, self, strict=True)]).astype(
            np.float32
        )


NETWORK_DIM = 720  # channels of the first map of the network
DESCRIPTOR_DIM = NETWORK_DIM + COLOR_DIM


class GarmentDescriber(NetworkPredictor[EfficientNetLite]):
    """Describes the garments of people. Safe to call from many threads at once.

    Args:
        network: The network on its device, in eval mode.
    """

    NETWORK = EfficientNetLite
    WEIGHTS = "retrieval-lite"

    def __call__(self, outfit: Outfit) -> dict[str, np.ndarray]:
        """Describe all kinds that a person wears.

        Args:
            outfit: What one person wears, see `Outfit.only`.

        Returns:
            Descriptor by kind, see `shared.restyle.similar.kinds`, each float32 `[DESCRIPTOR_DIM]` of unit
            length; empty without garments.
        """
        kinds = kinds_of(outfit)
        labels = Image.fromarray(outfit.labels)
        return {kind: parts.join() for kind, parts in self.parts(outfit.image, labels, kinds).items()}

    def parts(self, image: Image.Image, labels: Image.Image, kinds: list[str]) -> Mapping[str, GarmentParts]:
        """Compute the parts of the descriptors of some kinds.

        Args:
            image: Mode RGB.
            labels: Mode L, classes of the pixels of one person, in the frame of the image and of any size.
            kinds: Kinds; those of fewer than `MIN_PIXELS` pixels are left out.
        """
        if not kinds:
            return {}
        crop, crop_labels = crop_person(image, labels)
        classes = np.asarray(crop_labels)
        masks = {kind: kind_mask(classes, kind) for kind in kinds}
        masks = {kind: mask for kind, mask in masks.items() if mask.sum() >= MIN_PIXELS}
        pixels, features = np.asarray(crop), self._features(crop)
        return {
            kind: GarmentParts(pool(features, mask), color_histogram(pixels[mask]))
            for kind, mask in masks.items()
        }

    @torch.inference_mode()
    def _features(self, crop: Image.Image) -> Tensor:
        """Return the first map of the network, float32 `[NETWORK_DIM, h, w]`."""
        x = (to_tensor(crop) * 2 - 1).to(self._device).contiguous(memory_format=torch.channels_last)
        with self._lock:
            maps: list[Tensor] = self._compiled(x)
        return maps[0][0].float().cpu()


def crop_person(image: Image.Image, labels: Image.Image) -> tuple[Image.Image, Image.Image]:
    """Cut out the box around a person, at the size that the network sees.

    Args:
        image: Mode RGB.
        labels: Mode L, 0 for the background, in the frame of the image and of any size; not 0 everywhere.

    Returns:
        The image and the labels in the box, both of the same size.
    """
    across, down = image.width / labels.width, image.height / labels.height
    left, top, right, bottom = labels.point(lambda level: 255 * (level > 0)).getbbox() or (0, 0, *labels.size)
    margin = MARGIN * max((right - left) * across, (bottom - top) * down)
    box = (
        max(left * across - margin, 0),
        max(top * down - margin, 0),
        min(right * across + margin, image.width),
        min(bottom * down + margin, image.height),
    )
    size = working_size((round(box[2] - box[0]) or 1, round(box[3] - box[1]) or 1), WORKING_SIDE, MAX_SIDE)
    crop = image.resize(size, Image.Resampling.BICUBIC, box=box, reducing_gap=2.0)
    label_box = (box[0] / across, box[1] / down, box[2] / across, box[3] / down)
    return crop, labels.resize(size, Image.Resampling.NEAREST, box=label_box)


def pool(features: Tensor, mask: np.ndarray) -> np.ndarray:
    """Compute the mean of a map over a mask, each cell weighted by its share of the mask.

    Args:
        features: `[C, h, w]`.
        mask: Boolean `[H, W]`, in the frame of the map; true somewhere.

    Returns:
        float32 `[C]` of unit length.
    """
    height, width = features.shape[1:]
    cells = Image.fromarray(mask.astype(np.float32)).resize((width, height), Image.Resampling.BOX)
    weights = torch.from_numpy(np.array(cells))
    mean = (features * weights).sum((1, 2)) / weights.sum()
    return l2_normalize(mean.numpy()).astype(np.float32)
