"""Stages of a training whose crops change their size."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NamedTuple


class Stage(NamedTuple):
    """Part of a run with crops of one size.

    Attributes:
        steps: Optimizer steps.
        side: Side of the crops in pixels.
    """

    steps: int
    side: int


def side_of(step: int, stages: Sequence[Stage]) -> int:
    """Return the side of the crops of a step; that of the last stage beyond its end."""
    for stage in stages:
        if step < stage.steps:
            return stage.side
        step -= stage.steps
    return stages[-1].side


def parse_stages(text: str) -> list[Stage]:
    """Parse stages, for `argparse`.

    Raises:
        argparse.ArgumentTypeError: The text names no stages.

    >>> parse_stages("2400:64,500:128")
    [Stage(steps=2400, side=64), Stage(steps=500, side=128)]
    """
    try:
        stages = [Stage(*map(int, part.split(":"))) for part in text.split(",")]
    except (TypeError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"expected STEPS:SIDE,..., received {text!r}") from error
    if any(stage.steps < 1 or stage.side < 32 for stage in stages):
        raise argparse.ArgumentTypeError(f"expected steps >= 1 and sides >= 32, received {text!r}")
    return stages
