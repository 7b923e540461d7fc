"""Weight averaging of a joint space with its start and with other runs from the same start.

Models that do well for different reasons do better on average: Wortsman et al., "Robust fine-tuning of
zero-shot models", CVPR 2022; "Model soups", ICML 2022.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from torch import Tensor

from shared.core import weights
from shared.networks.crossmodal.joint import JointSpace

#: Weights of the start that are tried.
START_WEIGHTS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def average(
    space: JointSpace,
    start: Mapping[str, Tensor],
    validate: Callable[[], float],
    *,
    peers: Iterable[Path] = (),
    start_weights: Sequence[float] = START_WEIGHTS,
) -> None:
    """Set the weights of a joint space to the mean with the best validation score.

    Args:
        space: Joint space at the end of a run.
        start: Its weights at the start of the run.
        validate: Returns the validation score of the joint space with its present weights.
        peers: Weights of other runs from the same start; both the joint space alone and its mean with all
            peers are tried.
        start_weights: Weights of the start to try.
    """
    state = {name: value.cpu().clone() for name, value in space.state_dict().items()}
    ends = {"alone": state}
    for number, folder in enumerate(peers, 2):
        peer = weights.load(JointSpace, folder.name, folder=folder).state_dict()
        ends["with peers"] = interpolate(ends.get("with peers", state), peer, 1 / number)
    scores: dict[tuple[str, float], float] = {}
    for (name, end), weight in itertools.product(ends.items(), start_weights):
        space.load_state_dict(interpolate(end, start, weight))
        scores[name, weight] = validate()
        print(f"{name}, weight {weight} of the start: score {scores[name, weight]:.4f}", flush=True)
    name, weight = max(scores, key=lambda key: scores[key])
    space.load_state_dict(interpolate(ends[name], start, weight))


def interpolate(new: Mapping[str, Tensor], old: Mapping[str, Tensor], weight: float) -> dict[str, Tensor]:
    """Return the state `(1 - weight) new + weight old`; integers, such as step counts, stay new."""
    return {
        name: value.lerp(old[name], weight) if value.is_floating_point() else value
        for name, value in new.items()
    }
