"""Engines of image translation: one table for every predictor of this package.

A new engine is a backend in the form of the predictor's other ones and a row in its table.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from shared.core.engines import Engine, deferred_row, table
from shared.translation.editing.rows import EDITOR_ROWS, EditorEngine
from shared.translation.translator_rows import TRANSLATOR_ROWS

if TYPE_CHECKING:
    import torch

    from shared.translation.colorization.backend import ColorizationBackend
    from shared.translation.colorization.network_backend import NetworkBackend
    from shared.translation.drawing.color_map import ColoringMapper
    from shared.translation.drawing.lines import DrawingMapper
    from shared.translation.generator_backend import GeneratorBackend
    from shared.translation.painting.backend import StyleBackend


def _color() -> type[NetworkBackend]:
    """Import the colorization network."""
    # Deferred: torch is slow to import.
    from shared.translation.colorization.network_backend import NetworkBackend

    return NetworkBackend


def _styles() -> type[StyleBackend]:
    """Import the style network."""
    from shared.translation.painting.backend import StyleBackend  # deferred: torch is slow to import

    return StyleBackend


def drawing(
    *,
    folder: str | os.PathLike | None = None,
    device: str | torch.device | None = None,
    allow_hub: bool = False,
) -> DrawingMapper:
    """Return the drawing network."""
    from shared.core.models import load_network  # deferred: torch is slow to import
    from shared.networks.drawing import DrawingNetwork
    from shared.translation.drawing.lines import DrawingMapper

    network, _ = load_network(
        SKETCHERS["drawing"], DrawingNetwork, folder=folder, device=device, allow_hub=allow_hub
    )
    return DrawingMapper(network)


def coloring(
    *,
    folder: str | os.PathLike | None = None,
    device: str | torch.device | None = None,
    allow_hub: bool = False,
) -> ColoringMapper:
    """Return the network that colors drawings, with the one that colors grey images."""
    from shared.core.models import load_network  # deferred: torch is slow to import
    from shared.networks.drawing import ColoringNetwork
    from shared.translation.drawing.color_map import ColoringMapper

    network, _ = load_network(
        SKETCH_COLORIZERS["coloring"], ColoringNetwork, folder=folder, device=device, allow_hub=allow_hub
    )
    return ColoringMapper(network, COLORIZERS["color"].load(device=device, allow_hub=allow_hub))


#: `shared.translation.translator.Translator`: a set of images into another and back.
TRANSLATORS: Mapping[str, Engine[GeneratorBackend]] = TRANSLATOR_ROWS

#: `shared.translation.colorization.colorizer.Colorizer`: grey images into color.
COLORIZERS: Mapping[str, Engine[ColorizationBackend]] = table(
    Engine(
        name="color",
        title="Colors from experience",
        description="Guesses the colors of grass, sky, skin and wood; works offline.",
        weights="translation-color",
        load=deferred_row(_color, lambda: COLORIZERS["color"]),
        licence="cc-by-nc-4.0",
        parameters=4_538_056,
    ),
)

#: `shared.translation.drawing.sketcher.Sketcher`: images into drawings.
SKETCHERS: Mapping[str, Engine[DrawingMapper]] = table(
    Engine(
        name="drawing",
        title="Pencil and ink",
        description="Lines and shading of any photo, in pencil, ink or charcoal; works offline.",
        weights="translation-drawing",
        load=drawing,
        licence="cc-by-nc-4.0",
        parameters=567_275,
    ),
)

#: `shared.translation.drawing.coloring.SketchColorizer`: drawings into colored images.
SKETCH_COLORIZERS: Mapping[str, Engine[ColoringMapper]] = table(
    Engine(
        name="coloring",
        title="Colors for a drawing",
        description="Guesses the colors of a drawing; one with shading comes out best. Works offline.",
        weights="translation-coloring",
        load=coloring,
        licence="cc-by-nc-4.0",
        parameters=3_391_963,
    ),
)

#: `shared.translation.painting.stylizer.Stylizer`: images in the style of others.
STYLIZERS: Mapping[str, Engine[StyleBackend]] = table(
    Engine(
        name="styles",
        title="Paintings",
        description="26 painted styles, or any picture as the style; works offline.",
        weights="translation-styles",
        load=deferred_row(_styles, lambda: STYLIZERS["styles"]),
        licence="cc-by-nc-4.0",
        parameters=1_079_138,
    ),
)

#: `shared.translation.editing.editor.ImageEditor`: images edited by a sentence.
EDITORS: Mapping[str, EditorEngine] = EDITOR_ROWS
