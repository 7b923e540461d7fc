"""Engines of image translation: one table for every predictor of this package.

A new engine is a backend in the form of the predictor's other ones and a row in its table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.core.engines import Engine, table

#: `shared.translation.translator.Translator`: a set of images into another and back.
TRANSLATORS: Mapping[str, Engine[Any]] = table()

#: `shared.translation.colorization.colorizer.Colorizer`: grey images into color.
COLORIZERS: Mapping[str, Engine[Any]] = table()

#: `shared.translation.drawing.sketcher.Sketcher`: images into drawings.
SKETCHERS: Mapping[str, Engine[Any]] = table()

#: `shared.translation.painting.stylizer.Stylizer`: images in the style of others.
STYLIZERS: Mapping[str, Engine[Any]] = table()

#: `shared.translation.editing.editor.ImageEditor`: images edited by a sentence.
EDITORS: Mapping[str, Engine[Any]] = table()
