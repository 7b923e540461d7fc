"""Pictures on their way in: upload components that decode nothing, and photos from installed packages."""

import base64
import binascii
import importlib.util
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import ListFiles
from gradio.utils import get_upload_folder
from pydantic import model_validator

from shared.core.gradio_workarounds import without_stubs
from shared.core.images import open_image
from shared.ui.components.results import result_file

# Package, path inside it, and the example's name. Only photos that are part of the package's wheel.
SAMPLES = [
    ("skimage", "data/coffee.png", "coffee"),
    ("sklearn", "datasets/images/china.jpg", "pagoda"),
    ("skimage", "data/chelsea.png", "cat"),
    ("skimage", "data/motorcycle_left.png", "motorcycle"),
    ("gradio", "media_assets/images/lion.jpg", "lion"),
    ("sklearn", "datasets/images/flower.jpg", "flower"),
    ("skimage", "data/astronaut.png", "astronaut"),
    ("gradio", "media_assets/images/tower.jpg", "tower"),
    ("skimage", "data/rocket.jpg", "rocket"),
    ("gradio", "media_assets/images/cheetah.jpg", "cheetah"),
]

# More of them, for a gallery: another view of the motorcycle, other big cats, textures, grey ones.
MORE = [
    ("skimage", "data/motorcycle_right.png", "motorcycle again"),
    ("gradio", "media_assets/images/cheetah1.jpg", "cheetah face"),
    ("gradio", "test_data/cheetah2.jpg", "cheetah cub"),
    ("skimage", "data/camera.png", "photographer"),
    ("skimage", "data/coins.png", "coins"),
    ("skimage", "data/brick.png", "bricks"),
    ("skimage", "data/grass.png", "grass"),
    ("skimage", "data/gravel.png", "gravel"),
    ("skimage", "data/hubble_deep_field.jpg", "galaxies"),
    ("skimage", "data/moon.png", "moon"),
    ("skimage", "data/retina.jpg", "retina"),
]

_SERVED: set[Path] = set()  # sample photos that a page offers


with without_stubs():  # which would lie beside this file; events are as Gradio has them

    class _Photo(gr.Image):
        """`gr.Image` that hands over the path of the file as it was uploaded.

        `gr.Image` opens the file itself before the function runs. Here only `shared.core.images.open_image`
        does, so that its limits and its sentences apply to every picture.
        """

        is_template = True  # the browser draws it as an ordinary gr.Image

        def preprocess(self, payload: Any) -> str | None:
            if payload is None:
                return None
            if payload.url and payload.url.startswith("data:"):
                path = _saved(payload.url, payload.orig_name or "picture")
                self.temp_files.add(path)  # so that it is swept away like an upload
                return path
            return _uploaded(payload.path)


class _Files(ListFiles):
    """Files of a list, each of which may also be a text: a data URL or an address, as agents send them.

    Gradio's MCP server makes files of such texts itself, but not inside a list.
    """

    @model_validator(mode="before")
    @classmethod
    def _of_texts(cls, files: Any) -> Any:
        if not isinstance(files, list):
            return files
        return [_file_of(file) if isinstance(file, str) else file for file in files]


with without_stubs():  # which would lie beside this file; events are as Gradio has them

    class _PhotoFiles(gr.File):
        """`gr.File` that lets every file through: a bad one is reported by name and skipped later."""

        is_template = True

        def api_info(self) -> dict[str, Any]:
            """The same without references: those of a list do not resolve in the schema that agents get."""
            schema = super().api_info()
            return _inlined(schema, schema.get("$defs", {}))

        def preprocess(self, payload: Any) -> list[str]:
            return [_uploaded(file.path) for file in payload or ()]


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """A JSON schema with the definitions themselves in place of references to them."""
    if isinstance(schema, list):
        return [_inlined(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {key: _inlined(value, definitions) for key, value in schema.items() if key != "$defs"}


def _saved(url: str, name: str = "picture") -> str:
    """Path of the file that a data URL holds."""
    try:
        return result_file(base64.b64decode(url.partition(",")[2], validate=True), name)
    except binascii.Error:
        raise gr.Error("The picture's data URL is not valid base64.", print_exception=False) from None


def _file_of(text: str) -> dict[str, Any]:
    path = _saved(text) if text.startswith("data:") else text
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


def _uploaded(path: str | None) -> str:
    """The path itself, if it is an upload or a sample photo.

    Gradio checks paths as well, but not those of a `gr.Image` when the caller leaves out the field `meta`.
    """
    real = Path(path or "").resolve()
    if not real.is_relative_to(Path(get_upload_folder()).resolve()) and real not in _SERVED:
        raise gr.Error("Please upload the picture; other paths are not read.", print_exception=False)
    return str(real)


def image_input(label: str = "Photo", **settings: Any) -> gr.Image:
    """A place for one picture: upload, paste or webcam. The function receives a file path (or None).

    Args:
        label: The component's title; API callers see it too.
        **settings: Anything else that `gr.Image` takes.
    """
    defaults: dict[str, Any] = {
        "type": "filepath",
        "image_mode": None,
        "sources": ["upload", "clipboard", "webcam"],
        "height": 340,
        "buttons": ["fullscreen"],
    }
    return _Photo(label=label, **{**defaults, **settings})


def image_files(label: str = "Photos", **settings: Any) -> gr.File:
    """A place for many pictures. The function receives a list of file paths (maybe empty)."""
    defaults: dict[str, Any] = {"file_count": "multiple", "file_types": ["image"], "height": 220}
    files = _PhotoFiles(label=label, **{**defaults, **settings})
    files.data_model = _Files  # not in __init__, from whose signature Gradio tells the browser the settings
    return files


def _cache_folder() -> Path:
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "image-spaces", "photos")
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except (OSError, RuntimeError):  # a user without a home, or one that cannot be written
        pass
    return Path(tempfile.mkdtemp(prefix="image-spaces-photos-"))


def sample_images() -> dict[str, Path]:
    """Real photos that came with gradio, scikit-image and scikit-learn, as JPEGs in the user's cache folder.

    A photo whose package is absent, or that a newer release of the package has dropped, is left out.

    Returns:
        Path by name (`coffee`, `pagoda`, ...), in the order in which examples are shown.
    """
    return dict(_photos(*SAMPLES))


def gallery_images() -> dict[str, Path]:
    """The sample photos and more from the same packages, to search in; see `sample_images`."""
    return dict(_photos(*SAMPLES, *MORE))


@cache
def _photos(*samples: tuple[str, str, str]) -> dict[str, Path]:
    folder, photos = _cache_folder(), {}
    for package, inside, name in samples:
        spec = importlib.util.find_spec(package)
        source = Path(spec.submodule_search_locations[0], inside) if spec else None
        target = folder / f"{name}.jpg"
        if source is None or not source.is_file():
            continue
        if not target.exists():
            part = target.with_name(f".{name}.{os.getpid()}.jpg")
            open_image(source).save(part, quality=93)
            part.replace(target)  # in one step, since two servers may start at once
        photos[name] = target
    return photos


def image_examples(target: gr.Image, names: list[str] | None = None) -> gr.Examples:
    """Sample photos below a `image_input()`; a click puts one in, and the component's `change` event follows.

    The files are served from where they are: copies in Gradio's cache would be swept away with the uploads.

    Args:
        target: The component to fill.
        names: Which photos of `sample_images()`; all when None.
    """
    photos = sample_images()
    chosen = [path for name, path in photos.items() if names is None or name in names]
    gr.set_static_paths(chosen)
    _SERVED.update(path.resolve() for path in chosen)
    with gr.Column(elem_classes="is-examples"):
        return gr.Examples(
            [str(path) for path in chosen], target, label="Or try one of these", examples_per_page=12
        )
