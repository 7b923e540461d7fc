"""Batches of SwapGAN: the same person in another shape, and random pairs of people.

There are no pairs of one person in two outfits. So the source of most examples is the reference itself in
another shape, while the garments of the reference get other colors or another texture: colors and prints can
only come from the source, and the shape only from the reference. The target is the true photo. The remaining
examples are random pairs without a target.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from shared.networks.swapgan import SwapInputs
from shared.restyle.swap.fabric import Swap, pair_garments, visible_garments
from shared.restyle.swap.figure import Figure
from shared.restyle.swap.inputs import make_inputs, signed
from shared.restyle.swap.training.augment import (
    HIDDEN,
    SOURCE,
    VIEW,
    change_fabric,
    change_shape,
    hide_parts,
    mirror,
)
from shared.training.loop import Batch

STORED = (160, 240)  # width and height of the people in memory: frames show parts of them enlarged
MIN_SHARE = 0.015  # of the frame that changes: a swap of shoes alone teaches little


class SwapBatch(NamedTuple):
    """Inputs with their targets.

    Attributes:
        inputs: Inputs of the generators.
        target: True photos of the references, `[B, 3, H, W]` in -1..1.
        same: 1 where the target is that of the swap, 0 for pairs of two people, `[B]`.
    """

    inputs: SwapInputs
    target: Tensor
    same: Tensor

    def flat(self) -> Batch:
        """Return all tensors, for the training loop."""
        return (*self.inputs, self.target, self.same)

    @classmethod
    def from_flat(cls, tensors: Batch) -> SwapBatch:
        """Return the batch of the tensors of `flat`, with image maps in the faster memory layout."""
        *inputs, target, same = (
            tensor.contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor
            for tensor in tensors
        )
        return cls(SwapInputs(*inputs), target, same)


@dataclass(frozen=True)
class BatchSettings:
    """Settings of batches.

    Attributes:
        same: Examples of one person in each batch.
        pairs: Examples of two people in each batch.
        pose: See `make_inputs`.
        seed: Seed of all batches.
    """

    same: int = 3
    pairs: int = 1
    pose: bool = True
    seed: int = 0


def make_batch(figures: Sequence[Figure], settings: BatchSettings, step: int, width: int) -> Batch:
    """Draw a batch, which depends on the seed, the step and the width alone.

    Args:
        figures: People, with frames of `STORED` pixels.
        settings: Settings.
        step: Step of the training.
        width: Width of the frames; their height is one and a half of it.
    """
    rng = np.random.default_rng([settings.seed, step])
    examples = []
    for index in range(settings.same + settings.pairs):
        same = index < settings.same
        swap, target = draw_swap(figures, same, (width, width * 3 // 2), rng)
        examples.append((make_inputs(swap, pose=settings.pose), signed(target), float(same)))
    inputs, targets, flags = zip(*examples, strict=True)
    fields = (torch.cat(tensors) for tensors in zip(*inputs, strict=True))
    return SwapBatch(SwapInputs(*fields), torch.cat(targets), torch.tensor(flags)).flat()


def draw_swap(
    figures: Sequence[Figure], same: bool, size: tuple[int, int], rng: np.random.Generator
) -> tuple[Swap, np.ndarray]:
    """Draw a swap and the true photo of its reference.

    Args:
        figures: People.
        same: True for a source that is the reference in another shape.
        size: Width and height of the frames.
        rng: Source of randomness.
    """
    while True:
        first, second = (figures[index] for index in rng.choice(len(figures), 2, replace=False))
        if rng.random() < 0.5:
            first = mirror(first)
        reference = change_shape(first, VIEW, size, rng)
        source = change_shape(first, SOURCE, size, rng) if same else change_shape(second, VIEW, size, rng)
        if rng.random() < HIDDEN:
            source = hide_parts(source, rng)
        pairs = pair_garments(reference, source, _some(visible_garments(reference), rng))
        swap = Swap(reference, source, pairs)
        if swap.mask.mean() < MIN_SHARE:
            continue
        target = reference.image
        if same:
            donor = change_shape(second, VIEW, size, rng)
            changed = replace(reference, image=change_fabric(reference, list(pairs), donor, rng))
            swap = swap._replace(reference=changed)
        return swap, target


def _some(names: Sequence[str], rng: np.random.Generator) -> list[str]:
    """Return a random part of the names, at least one, and all of them in half of the cases."""
    if len(names) < 2 or rng.random() < 0.5:
        return list(names)
    count = int(rng.integers(1, len(names)))
    return [names[index] for index in sorted(rng.choice(len(names), count, replace=False))]
