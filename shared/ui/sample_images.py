"""Sample photos that come with installed packages."""

import importlib.util
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

from shared.core.images import open_image


class PackagedImage(NamedTuple):
    """Photo in the wheel of a package.

    Attributes:
        package: Name of the package.
        path: Path inside the package.
        name: Name of the sample.
    """

    package: str
    path: str
    name: str


SAMPLES = (
    PackagedImage("skimage", "data/coffee.png", "coffee"),
    PackagedImage("sklearn", "datasets/images/china.jpg", "pagoda"),
    PackagedImage("skimage", "data/chelsea.png", "cat"),
    PackagedImage("skimage", "data/motorcycle_left.png", "motorcycle"),
    PackagedImage("gradio", "media_assets/images/lion.jpg", "lion"),
    PackagedImage("sklearn", "datasets/images/flower.jpg", "flower"),
    PackagedImage("skimage", "data/astronaut.png", "astronaut"),
    PackagedImage("gradio", "media_assets/images/tower.jpg", "tower"),
    PackagedImage("skimage", "data/rocket.jpg", "rocket"),
    PackagedImage("gradio", "media_assets/images/cheetah.jpg", "cheetah"),
)

#: Further images of a sample gallery: the motorcycle from another side, big cats, textures, grey images.
GALLERY_SAMPLES = (
    PackagedImage("skimage", "data/motorcycle_right.png", "motorcycle again"),
    PackagedImage("gradio", "media_assets/images/cheetah1.jpg", "cheetah face"),
    PackagedImage("gradio", "test_data/cheetah2.jpg", "cheetah cub"),
    PackagedImage("skimage", "data/camera.png", "photographer"),
    PackagedImage("skimage", "data/coins.png", "coins"),
    PackagedImage("skimage", "data/brick.png", "bricks"),
    PackagedImage("skimage", "data/grass.png", "grass"),
    PackagedImage("skimage", "data/gravel.png", "gravel"),
    PackagedImage("skimage", "data/hubble_deep_field.jpg", "galaxies"),
    PackagedImage("skimage", "data/moon.png", "moon"),
    PackagedImage("skimage", "data/retina.jpg", "retina"),
)


def sample_images() -> dict[str, Path]:
    """Return the sample photos, by name in page order, as JPEG files in the user's cache folder.

    A photo is left out if its package is absent, or no longer holds it.
    """
    return dict(_jpeg_files(*SAMPLES))


def gallery_images() -> dict[str, Path]:
    """Return the photos of a sample gallery: the sample photos and `GALLERY_SAMPLES`."""
    return dict(_jpeg_files(*SAMPLES, *GALLERY_SAMPLES))


@cache
def _jpeg_files(*samples: PackagedImage) -> dict[str, Path]:
    folder, files = _cache_folder(), {}
    for sample in samples:
        source = _source(sample)
        if source is None:
            continue
        target = folder / f"{sample.name}.jpg"
        if not target.exists():
            part = target.with_name(f".{sample.name}.{os.getpid()}.jpg")
            open_image(source).save(part, quality=93)
            part.replace(target)  # in one step, since two servers may start at once
        files[sample.name] = target
    return files


def _source(sample: PackagedImage) -> Path | None:
    spec = importlib.util.find_spec(sample.package)
    if spec is None or not spec.submodule_search_locations:
        return None
    source = Path(spec.submodule_search_locations[0], sample.path)
    return source if source.is_file() else None


def _cache_folder() -> Path:
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "image-spaces", "photos")
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except (OSError, RuntimeError):  # the user has no home folder, or it is read-only
        pass
    return Path(tempfile.mkdtemp(prefix="image-spaces-photos-"))
