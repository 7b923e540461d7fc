"""Images from statistics: representatives of classes whose photos are gone.

Yin et al., "Dreaming to Distill: Data-free Knowledge Transfer via DeepInversion", CVPR 2020, as in the dual
distillation of W. Chen's thesis (Leiden 2021), chapter 7. The backbone's batch norms are folded into its
convolutions, so that the mean and the variance of each convolution's output, over the photos of the earlier
lessons, stand for the statistics that a batch norm would hold there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

#: Mean and variance `[C]` of every channel, per layer.
Statistics: TypeAlias = tuple[tuple[Tensor, Tensor], ...]

SMOOTHNESS, LENGTH = 2e-2, 1e-3  # weights of the total variation and of the mean square of an image


@contextmanager
def channel_statistics(layers: Sequence[nn.Module]) -> Iterator[list[tuple[Tensor, Tensor]]]:
    """Record the mean and the variance of every channel of the layers' outputs, for the last forward pass.

    Args:
        layers: Layers with outputs `[B, C, H, W]`, run in this order.

    Yields:
        List that each forward pass fills anew: per layer, mean and variance `[C]`.
    """
    statistics: list[tuple[Tensor, Tensor]] = []

    def record(layer: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        if layer is layers[0]:
            statistics.clear()
        variance, mean = torch.var_mean(output, (0, 2, 3), correction=0)
        statistics.append((mean, variance))

    handles = [layer.register_forward_hook(record) for layer in layers]
    try:
        yield statistics
    finally:
        for handle in handles:
            handle.remove()


def merge_statistics(earlier: Statistics, images: int, later: Statistics, new_images: int) -> Statistics:
    """Merge the statistics of two sets of images.

    Args:
        earlier: Of the first set; empty if there is none.
        images: Its number of images.
        later: Of the second set.
        new_images: Its number of images.
    """
    if not earlier:
        return later
    share = new_images / (images + new_images)
    merged = []
    for (mean, variance), (new_mean, new_variance) in zip(earlier, later, strict=True):
        center = mean + share * (new_mean - mean)
        within = (1 - share) * variance + share * new_variance
        between = share * (1 - share) * (new_mean - mean).square()
        merged.append((center, within + between))
    return tuple(merged)


def statistics_distance(
    statistics: Sequence[tuple[Tensor, Tensor]], references: Sequence[tuple[Tensor, Tensor]]
) -> Tensor:
    """Compute the distance of the means and of the standard deviations of layers, in units of the latter.

    Yin et al., equation 4, with each channel divided by its own deviation, so that no layer outweighs the
    others.

    Args:
        statistics: Mean and variance `[C]` per layer.
        references: Mean and variance per layer that were recorded with photos.
    """
    distances = []
    for (mean, variance), (mean_reference, variance_reference) in zip(statistics, references, strict=True):
        deviation = variance_reference.clamp(min=1e-6).sqrt()
        shift = (mean - mean_reference) / deviation
        spread = variance.clamp(min=1e-12).sqrt() / deviation - 1
        distances.append(shift.square().mean() + spread.square().mean())
    return torch.stack(distances).mean()


def total_variation(images: Tensor) -> Tensor:
    """Compute the mean absolute difference of neighboring pixels of images `[B, 3, H, W]`."""
    across = (images[..., 1:] - images[..., :-1]).abs().mean()
    down = (images[..., 1:, :] - images[..., :-1, :]).abs().mean()
    return across + down


def invert(
    logits: Callable[[Tensor], Tensor],
    layers: Sequence[nn.Module],
    references: Sequence[tuple[Tensor, Tensor]],
    labels: Tensor,
    *,
    side: int,
    steps: int,
    rate: float = 0.1,
    generator: torch.Generator | None = None,
    on_step: Callable[[int], None] = lambda step: None,
) -> Tensor:
    """Make images of classes by gradient descent on their pixels.

    `min CE(logits, labels) + statistics distance + total variation + mean square`.

    Args:
        logits: Class logits `[B, C]` of images `[B, 3, side, side]` in -1..1.
        layers: Layers whose statistics must agree.
        references: Their statistics over the photos of the earlier lessons.
        labels: int64 `[B]`, the class of each image.
        side: Side of an image in pixels.
        steps: Steps of Adam.
        rate: Its learning rate.
        generator: Source of the noise from which the images start.
        on_step: Called after each step with its number from 1; may raise to stop.

    Returns:
        float32 `[B, 3, side, side]`, RGB in -1..1.
    """
    images = 0.3 * torch.randn((len(labels), 3, side, side), generator=generator).to(labels.device)
    images.requires_grad_(True)
    optimizer = torch.optim.Adam([images], lr=rate, betas=(0.5, 0.9))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    with channel_statistics(layers) as statistics:
        for step in range(steps):
            optimizer.zero_grad()
            shift = (step % 3 - 1, step // 3 % 3 - 1)  # no pixel may rely on its place in the grid
            loss = F.cross_entropy(logits(images.roll(shift, (2, 3)).clamp(-1, 1)), labels)
            loss = loss + statistics_distance(statistics, references)
            loss = loss + SMOOTHNESS * total_variation(images) + LENGTH * images.square().mean()
            (images.grad,) = torch.autograd.grad(loss, [images])
            optimizer.step()
            schedule.step()
            on_step(step + 1)
    return images.detach().clamp(-1, 1)
