"""Engines that find the main subject of an image: a new one is a predictor as `SubjectMatting` and a row."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from shared.core.engines import Engine, table

if TYPE_CHECKING:
    import torch

    from shared.matting.subject import SubjectMatting


def subject(
    *,
    folder: str | os.PathLike | None = None,
    device: str | torch.device | None = None,
    allow_hub: bool = False,
) -> SubjectMatting:
    """Return the network that cuts out the main subject."""
    from shared.matting.subject import SubjectMatting  # deferred: torch is slow to import

    return SubjectMatting.load(folder=folder, device=device, allow_hub=allow_hub)


#: `shared.matting.subject.SubjectMatting`: the main subject of an image.
SUBJECTS: Mapping[str, Engine[SubjectMatting]] = table(
    Engine(
        name="subject",
        title="Main subject",
        description="Cuts out people, animals and things, with their hair; works offline.",
        weights="matting-subject",
        load=subject,
        licence="cc-by-nc-4.0",
        parameters=3_053_556,
    ),
)
