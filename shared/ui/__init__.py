"""Building blocks of the pages; a space's `app.py` begins with `from shared import ui`."""

from shared.ui.batch import PROGRESS, BatchItem, BatchResult, batch_tab, run_batch
from shared.ui.components.charts import Bar, bar_chart
from shared.ui.components.image_inputs import (
    Paths,
    carry_over,
    image_examples,
    image_files,
    image_input,
    integer_list,
    require_photo,
)
from shared.ui.components.results import (
    display_image,
    download_button,
    download_buttons,
    result_file,
    thumbnail_row,
    zip_files,
)
from shared.ui.engines import compare_tab, engine_menu, inference_function, lazy_models
from shared.ui.errors import user_facing
from shared.ui.events import INFERENCE, LONG_RUNNING, endpoint, on_event
from shared.ui.page import header, how_it_works, page
from shared.ui.sample_images import gallery_images, sample_images
from shared.ui.server import launch
from shared.ui.tabs import LazyTab, load_open_tab

__all__ = [
    "INFERENCE",
    "LONG_RUNNING",
    "PROGRESS",
    "Bar",
    "BatchItem",
    "BatchResult",
    "LazyTab",
    "Paths",
    "bar_chart",
    "batch_tab",
    "carry_over",
    "compare_tab",
    "display_image",
    "download_button",
    "download_buttons",
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
    "require_photo",
    "result_file",
    "run_batch",
    "sample_images",
    "thumbnail_row",
    "user_facing",
    "zip_files",
]
