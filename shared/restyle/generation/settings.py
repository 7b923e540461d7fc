"""Settings of painted clothes, checked before a model is downloaded."""

from __future__ import annotations

from dataclasses import dataclass

from shared.core.diffusion.prompts import check_prompt
from shared.core.errors import InputError

#: Seeds are below this number.
SEEDS = 2**32
MIN_STEPS, MAX_STEPS, STEPS = 1, 12, 4


@dataclass(frozen=True)
class GenerationSettings:
    """Settings of a run.

    Attributes:
        seed: Seed of the noise, at least 0 and below `SEEDS`; the same one gives the same result.
        steps: Number of denoising steps, `MIN_STEPS` to `MAX_STEPS`.

    Raises:
        InputError: A setting is out of range.
    """

    seed: int = 0
    steps: int = STEPS

    def __post_init__(self) -> None:
        if not 0 <= self.seed < SEEDS:
            raise InputError(f"The seed must be from 0 to {SEEDS - 1}, received {self.seed}.")
        if not MIN_STEPS <= self.steps <= MAX_STEPS:
            raise InputError(
                f"The number of steps must be from {MIN_STEPS} to {MAX_STEPS}, received {self.steps}."
            )


def check_words(words: str) -> str:
    """Return the words for a garment without white space around them; only a model counts their tokens.

    Raises:
        InputError: There are none, or far too many.
    """
    return check_prompt(words, count_tokens=lambda text: 0, max_tokens=0)
