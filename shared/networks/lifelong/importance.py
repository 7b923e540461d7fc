"""Penalties on weights that mattered for what was learned earlier.

* EWC: Kirkpatrick et al., "Overcoming catastrophic forgetting in neural networks", PNAS 2017. The importance
  is the diagonal of the Fisher information.
* MAS: Aljundi et al., "Memory Aware Synapses: Learning what (not) to forget", ECCV 2018. The importance is
  the sensitivity of the output's squared length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Importance = dict[str, Tensor]


def fisher_information(
    network: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], logits: Callable[[Tensor], Tensor]
) -> Importance:
    """Compute the mean squared gradient of the log likelihood of each image's label.

    Args:
        network: Network; its parameters that have gradients are weighed.
        batches: Inputs and labels, small batches: the gradient of each batch is squared.
        logits: Class logits `[B, C]` of inputs.

    Returns:
        Importance by the name of the parameter, of its shape, with mean 1 over all parameters.
    """
    return _accumulate(
        network, (F.cross_entropy(logits(x), labels) for x, labels in batches), lambda grad: grad.square()
    )


def memory_aware_importance(
    network: nn.Module, batches: Iterable[Tensor], outputs: Callable[[Tensor], Tensor]
) -> Importance:
    """Compute the mean absolute gradient of the squared length of the output; labels are not needed.

    Args:
        network: Network; its parameters that have gradients are weighed.
        batches: Inputs.
        outputs: Vectors `[B, D]` of inputs, before they are scaled to length 1.

    Returns:
        Importance by the name of the parameter, of its shape, with mean 1 over all parameters.
    """
    return _accumulate(network, (outputs(x).square().sum(1).mean() for x in batches), lambda grad: grad.abs())


def importance_penalty(
    network: nn.Module, anchors: Mapping[str, Tensor], importance: Mapping[str, Tensor]
) -> Tensor:
    """Compute `1/2 sum importance (weight - anchor)²` over all parameters of which the importance is known.

    Rows that a parameter gained since then, such as those of new classes, are free.

    Args:
        network: Network in training.
        anchors: Values of the parameters after the earlier lesson.
        importance: See `fisher_information` and `memory_aware_importance`.
    """
    total = torch.zeros((), device=next(network.parameters()).device)
    for name, parameter in network.named_parameters():
        if name in importance:
            anchor = anchors[name]
            known = parameter[: len(anchor)]
            total = total + (importance[name] * (known - anchor).square()).sum() / 2
    return total


def _accumulate(
    network: nn.Module, losses: Iterable[Tensor], magnitude: Callable[[Tensor], Tensor]
) -> Importance:
    """Return the mean magnitude of the gradients of losses, scaled to mean 1."""
    totals = {
        name: torch.zeros_like(parameter)
        for name, parameter in network.named_parameters()
        if parameter.requires_grad
    }
    parameters = dict(network.named_parameters())
    for loss in losses:
        gradients = torch.autograd.grad(loss, [parameters[name] for name in totals], allow_unused=True)
        for name, gradient in zip(totals, gradients, strict=True):
            if gradient is not None:
                totals[name] += magnitude(gradient)
    mean = sum(float(value.sum()) for value in totals.values()) / sum(map(Tensor.numel, totals.values()))
    return {name: value / max(mean, torch.finfo(torch.float32).tiny) for name, value in totals.items()}
