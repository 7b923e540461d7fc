"""Inputs of SwapGAN from two people in their frames."""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.nn import functional as F

from shared.networks.pose import joint_maps
from shared.networks.swapgan import CLASSES, CODE_STRIDE, SwapInputs
from shared.restyle.garment.tone import shade, tone_from_lightness
from shared.restyle.oklab import oklab_from_pixels
from shared.restyle.parsing.classes import class_index
from shared.restyle.swap.fabric import SUBSTITUTES, Swap, warp_fabric
from shared.restyle.swap.figure import MIN_SCORE
from shared.restyle.swap.warp import warp_person

JOINT_DEVIATION = 3.0  # of the heat maps in pixels
SHADING_DEVIATION = 7.0  # of the low-pass filter in pixels: it must not hold a print
MAX_SHADING = 3.0  # in usual spreads of tone


def make_inputs(swap: Swap, *, pose: bool = True) -> SwapInputs:
    """Compute the inputs of a swap, a batch of one.

    Args:
        swap: The swap, with sides that are multiples of 8.
        pose: False to place the source by the boxes of its masks, without its pose.
    """
    reference, source = swap.reference, swap.source
    height, width = reference.classes.shape
    mask = swap.mask
    fabric = warp_fabric(swap, pose=pose)
    fabric[..., :3] = np.where(mask[..., None], 2 * fabric[..., :3] - 1, 0)
    person = warp_person(reference, source, pose=pose)
    person[..., :3] = 2 * person[..., :3] - person[..., 3:]  # grey where it is not covered
    garments = np.zeros((len(SUBSTITUTES), height, width), np.float32)
    sources = np.zeros((len(SUBSTITUTES), *source.classes.shape), np.float32)
    for index, name in enumerate(SUBSTITUTES):
        if name in swap.pairs:
            garments[index] = reference.mask(class_index(name))
            sources[index] = swap.source_mask(name)
    joints = torch.from_numpy(reference.joints)[None].clone()
    joints[..., 2] *= joints[..., 2] >= MIN_SCORE
    return SwapInputs(
        reference=signed(reference.image),
        classes=class_shares(reference.classes),
        mask=torch.from_numpy(mask.astype(np.float32))[None, None],
        shading=torch.from_numpy(broad_shading(swap))[None, None],
        pose=joint_maps(joints, height, width, deviation=JOINT_DEVIATION),
        person=torch.from_numpy(person).permute(2, 0, 1)[None],
        fabric=torch.from_numpy(fabric).permute(2, 0, 1)[None],
        source=signed(source.image),
        source_masks=F.avg_pool2d(torch.from_numpy(sources)[None], CODE_STRIDE),
        garment_masks=torch.from_numpy(garments)[None],
    )


def signed(image: np.ndarray) -> Tensor:
    """Convert uint8 `[H, W, 3]` to float32 `[1, 3, H, W]` in -1..1."""
    return torch.from_numpy(image.transpose(2, 0, 1).astype(np.float32) / 127.5 - 1)[None]


def class_shares(classes: np.ndarray) -> Tensor:
    """Convert indices of classes `[H, W]` to float32 `[1, 11, H, W]`, 1 at the class and else 0."""
    return F.one_hot(torch.from_numpy(classes.astype(np.int64)), CLASSES).permute(2, 0, 1)[None].float()


def broad_shading(swap: Swap) -> np.ndarray:
    """Return the broad light and shadow on the garments that change.

    Offsets of tone from the median of each garment, in usual spreads, low-pass filtered inside the garment.
    A print of the garment is finer than the filter, so that only little of it remains.

    Args:
        swap: The swap.

    Returns:
        float32 `[H, W]` within `MAX_SHADING`, 0 outside the garments.
    """
    image = swap.reference.image
    lightness = oklab_from_pixels(image.reshape(-1, 3))[0]
    tone = tone_from_lightness(lightness)
    result = np.zeros(image.shape[:2], np.float32)
    for name in swap.pairs:
        mask = swap.reference.mask(class_index(name))
        median = float(lightness[torch.from_numpy(mask.reshape(-1))].median())
        offset = shade(tone, median).clamp(-MAX_SHADING, MAX_SHADING).numpy().reshape(mask.shape)
        values = np.stack([offset * mask, mask]).astype(np.float32)
        # Half the size is enough for such a broad filter.
        values = values[:, ::2, ::2]
        smooth, weight = (gaussian_filter(plane, SHADING_DEVIATION / 2, truncate=3) for plane in values)
        means = (smooth / np.maximum(weight, 1e-3)).repeat(2, 0).repeat(2, 1)
        result[mask] = means[: mask.shape[0], : mask.shape[1]][mask]
    return result
