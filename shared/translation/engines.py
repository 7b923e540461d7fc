"""Engines of image translation: one table for every predictor of this package.

A new engine is a backend in the form of the predictor's other ones and a row in its table.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from shared.core.engines import Engine, table
from shared.translation.editing.rows import EDITOR_ROWS, EditorEngine

if TYPE_CHECKING:
    import torch

    from shared.translation.colorization.backend import ColorizationBackend


def color(
    *,
    folder: str | os.PathLike | None = None,
    device: str | torch.device | None = None,
    allow_hub: bool = False,
) -> ColorizationBackend:
    """Return the colorization network."""
    # Deferred: torch is slow to import.
    from shared.translation.colorization.network_backend import NetworkBackend

    return NetworkBackend.load(COLORIZERS["color"], folder=folder, device=device, allow_hub=allow_hub)


#: `shared.translation.translator.Translator`: a set of images into another and back.
TRANSLATORS: Mapping[str, Engine[Any]] = table()

#: `shared.translation.colorization.colorizer.Colorizer`: grey images into color.
COLORIZERS: Mapping[str, Engine[ColorizationBackend]] = table(
    Engine(
        name="color",
        title="Colors from experience",
        description="Guesses the colors of grass, sky, skin and wood; works offline.",
        weights="translation-color",
        load=color,
        licence="cc-by-nc-4.0",
        parameters=4_538_056,
    ),
)

#: `shared.translation.drawing.sketcher.Sketcher`: images into drawings.
SKETCHERS: Mapping[str, Engine[Any]] = table()

#: `shared.translation.painting.stylizer.Stylizer`: images in the style of others.
STYLIZERS: Mapping[str, Engine[Any]] = table()

#: `shared.translation.editing.editor.ImageEditor`: images edited by a sentence.
EDITORS: Mapping[str, EditorEngine] = EDITOR_ROWS
