"""The look and the manners that all spaces share; their `app.py` begins with `from shared import ui`."""

from shared.ui.batch import PROGRESS, batch_tab, run_batch
from shared.ui.components.charts import Bar, bar_chart
from shared.ui.components.image_inputs import (
    gallery_images,
    image_examples,
    image_files,
    image_input,
    sample_images,
)
from shared.ui.components.numbers import integer_list
from shared.ui.components.results import (
    before_and_after,
    display_image,
    download_button,
    download_buttons,
    encode_image,
    result_file,
    thumbnail_row,
    zip_files,
)
from shared.ui.engines import compare_tab, engine_menu, inference_function, lazy_models
from shared.ui.errors import user_facing
from shared.ui.events import endpoint, on_event
from shared.ui.page import header, how_it_works, launch, page
from shared.ui.tabs import LazyTab, load_open_tab
from shared.ui.theme import CSS, theme

__all__ = [
    "CSS",
    "PROGRESS",
    "Bar",
    "LazyTab",
    "bar_chart",
    "batch_tab",
    "before_and_after",
    "compare_tab",
    "display_image",
    "download_button",
    "download_buttons",
    "encode_image",
    "endpoint",
    "engine_menu",
    "gallery_images",
    "header",
    "how_it_works",
    "image_examples",
    "image_files",
    "image_input",
    "inference_function",
    "integer_list",
    "launch",
    "lazy_models",
    "load_open_tab",
    "on_event",
    "page",
    "result_file",
    "run_batch",
    "sample_images",
    "theme",
    "thumbnail_row",
    "user_facing",
    "zip_files",
]
