"""The look and the manners that all spaces share; their `app.py` begins with `from shared import ui`."""

from shared.ui.batch import PROGRESS, run_batch, several
from shared.ui.components.charts import Bar, bars
from shared.ui.components.numbers import numbers
from shared.ui.components.photos import examples, gallery_photos, photo, photo_files, sample_photos
from shared.ui.components.results import (
    download,
    downloads,
    encoded,
    half_and_half,
    result_file,
    shown,
    strip,
    zipped,
)
from shared.ui.engines import compare, engine_menu, residents, runner
from shared.ui.errors import friendly
from shared.ui.page import endpoint, header, how_it_works, launch, page, react
from shared.ui.tabs import View, show_open
from shared.ui.theme import CSS, theme

__all__ = [
    "CSS",
    "PROGRESS",
    "Bar",
    "View",
    "bars",
    "compare",
    "download",
    "downloads",
    "encoded",
    "endpoint",
    "engine_menu",
    "examples",
    "friendly",
    "gallery_photos",
    "half_and_half",
    "header",
    "how_it_works",
    "launch",
    "numbers",
    "page",
    "photo",
    "photo_files",
    "react",
    "residents",
    "result_file",
    "run_batch",
    "runner",
    "sample_photos",
    "several",
    "show_open",
    "shown",
    "strip",
    "theme",
    "zipped",
]
