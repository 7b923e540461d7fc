"""The look and the manners that all spaces share; their `app.py` begins with `from shared import ui`."""

from shared.ui.batch import PROGRESS, run_batch, several
from shared.ui.charts import Bar, bars
from shared.ui.engines import compare, engine_menu, residents, runner
from shared.ui.guard import friendly
from shared.ui.numbers import numbers
from shared.ui.page import endpoint, header, how_it_works, launch, page, react
from shared.ui.photos import examples, gallery_photos, photo, photo_files, sample_photos
from shared.ui.results import download, downloads, encoded, half_and_half, result_file, shown, strip, zipped
from shared.ui.theme import CSS, theme
from shared.ui.views import View, show_open

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
