"""Rows of the table of editors: besides an engine's usual fields, the settings that it has."""

from __future__ import annotations

from collections.abc import Mapping, Sized
from dataclasses import dataclass, field
from typing import Any

from shared.core.diffusion.canvas import SizeLimits
from shared.core.diffusion.prompts import check_prompt
from shared.core.engines import Engine
from shared.core.errors import InputError

#: Seeds are below this number.
SEEDS = 2**32


@dataclass(frozen=True)
class Setting:
    """Number that a visitor can set.

    Attributes:
        low: Smallest value.
        high: Largest value.
        default: Value that is used where none is set.
    """

    low: float
    high: float
    default: float

    def resolve(self, value: float | None, name: str) -> float:
        """Return a value, or the default for None.

        Raises:
            InputError: The value is out of range.
        """
        if value is None:
            return self.default
        if not self.low <= value <= self.high:  # false for NaN as well
            raise InputError(f"The {name} must be from {self.low:g} to {self.high:g}, received {value:g}.")
        return value


@dataclass(frozen=True)
class EditOptions:
    """Settings of an engine; what it has not is None, False or 0.

    Attributes:
        steps: Number of denoising steps.
        guidance: Weight of the words: higher follows them more closely.
        strength: Freedom of the result, up to 1: higher keeps less of the image.
        negative_prompt: True if the engine reads words for what must not be in the result.
        max_references: Largest number of further images that the words can refer to.
        mask: True if the edit can be limited to a part of the image.
        input_kind: Kind of image that the engine expects, in words for a visitor.
        colors: Colors of an input that is a label map, by name; empty for other inputs.
    """

    steps: Setting
    guidance: Setting | None = None
    strength: Setting | None = None
    negative_prompt: bool = False
    max_references: int = 0
    mask: bool = False
    input_kind: str = "photo"
    colors: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class EditorEngine(Engine[Any]):
    """One editor.

    Attributes:
        options: Settings that it has.
        limits: Image sizes on which it works; a result is resized to the size of the visitor's image.
        download_gb: Size of its files in gigabytes.
        gpu_gb: Memory of a GPU that holds all of it, in gigabytes; a smaller one gets one network at a time.
        cpu_gb: Main memory that it takes without a GPU, in gigabytes.
    """

    options: EditOptions
    limits: SizeLimits = field(default_factory=SizeLimits)
    download_gb: float
    gpu_gb: float
    cpu_gb: float

    def check(
        self,
        prompt: str,
        *,
        negative_prompt: str = "",
        references: Sized = (),
        mask: object = None,
        seed: int = 0,
        steps: int | None = None,
        guidance: float | None = None,
        strength: float | None = None,
    ) -> None:
        """Check the arguments of an edit as far as that takes no model, whose download may be large.

        Raises:
            InputError: There are no words, a setting is out of range, or the engine does not have it.
        """
        options = self.options
        check_prompt(prompt, count_tokens=lambda text: 0, max_tokens=0)  # only the model counts them
        if not 0 <= seed < SEEDS:
            raise InputError(f"The seed must be from 0 to {SEEDS - 1}, received {seed}.")
        if negative_prompt.strip() and not options.negative_prompt:
            raise InputError(f"The engine {self.title} reads no unwanted words: please leave them out.")
        if mask is not None and not options.mask:
            raise InputError(f"The engine {self.title} takes no mask: please remove it.")
        if len(references) > options.max_references:
            allowed = f"at most {options.max_references}" if options.max_references else "no"
            raise InputError(f"This engine takes {allowed} further pictures, received {len(references)}.")
        options.steps.resolve(steps, "number of steps")
        self.resolve(options.guidance, guidance, "guidance")
        self.resolve(options.strength, strength, "strength")

    def resolve(self, setting: Setting | None, value: float | None, name: str) -> float:
        """Return the value of a setting, or the default for None.

        Args:
            setting: One of the options.
            value: Value, if there is any.
            name: Name of the setting in the text of the error.

        Raises:
            InputError: The value is out of range, or the engine does not have this setting.
        """
        if setting is None and value is not None:
            raise InputError(f"The engine {self.title} has no {name}: please leave it out.")
        return 1.0 if setting is None else setting.resolve(value, name)
