"""The look and the manners that all spaces share; their `app.py` begins with `from shared import ui`."""

from shared.ui.batch import PROGRESS, run_batch, several
from shared.ui.engines import compare, engine_menu, residents
from shared.ui.guard import friendly
from shared.ui.page import endpoint, header, how_it_works, launch, page, react
from shared.ui.photos import examples, photo, photo_files, sample_photos
from shared.ui.results import download, downloads, half_and_half, result_file, shown, strip
from shared.ui.theme import CSS, theme

__all__ = [
    "CSS",
    "PROGRESS",
    "compare",
    "download",
    "downloads",
    "endpoint",
    "engine_menu",
    "examples",
    "friendly",
    "half_and_half",
    "header",
    "how_it_works",
    "launch",
    "page",
    "photo",
    "photo_files",
    "react",
    "residents",
    "result_file",
    "run_batch",
    "sample_photos",
    "several",
    "shown",
    "strip",
    "theme",
]
