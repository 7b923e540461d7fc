"""The mean of what a joint space was and what one or several runs from there made of it.

As far as they do well for different reasons, their mean does better: Wortsman et al., "Robust fine-tuning of
zero-shot models", CVPR 2022; "Model soups", ICML 2022.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from torch import Tensor

from shared.core import weights
from shared.networks.joint import JointSpace

#: Of what a space was at the start.
SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def average(
    space: JointSpace,
    start: dict[str, Tensor],
    judge: Callable[[], float],
    *,
    beside: Iterable[Path] = (),
    shares: Sequence[float] = SHARES,
) -> None:
    """Gives a space the mean that a validation likes best, of itself, others and its start.

    Args:
        space: What a run has learned; gets the mean.
        start: The weights that it began with.
        judge: The score of the space as it is when this is called.
        beside: Folders of weights that other runs from the same start learned; the mean of all is tried as
            well as the space alone.
        shares: Of the start, to try.
    """
    new = {name: value.cpu().clone() for name, value in space.state_dict().items()}
    ends = {"alone": new}
    for number, folder in enumerate(beside, 2):
        other = weights.load(JointSpace, folder.name, folder=folder).state_dict()
        ends["together"] = between(ends.get("together", new), other, 1 / number)
    scores = {}
    for (name, end), share in itertools.product(ends.items(), shares):
        space.load_state_dict(between(end, start, share))
        scores[name, share] = judge()
        print(f"{name}, share {share} of the start: score {scores[name, share]:.4f}", flush=True)
    name, share = max(scores, key=scores.get)
    space.load_state_dict(between(ends[name], start, share))


def between(new: dict[str, Tensor], old: dict[str, Tensor], share: float) -> dict[str, Tensor]:
    """Weights on the way from new ones to old ones; whole numbers, which count batches, stay the new ones."""
    return {
        name: value.lerp(old[name], share) if value.is_floating_point() else value
        for name, value in new.items()
    }
