"""Photos that come with the starter network: a gallery of what it knows, and lessons to try."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from PIL import Image

from shared.core.images import open_image

SAMPLES = "samples.zip"
KNOWN, LESSONS, QUERIES = "known", "lessons", "queries"


class Sample(NamedTuple):
    """Photo that comes with the starter network.

    Attributes:
        label: Name of its class.
        image: The photo, mode RGB.
    """

    label: str
    image: Image.Image


def read_samples(folder: Path, group: str) -> list[Sample]:
    """Read the photos of a group.

    Args:
        folder: Weight folder of the starter network.
        group: `KNOWN`, of classes that it knows; `LESSONS`, of classes to teach; `QUERIES`, of the latter, to
            search with.

    Returns:
        The photos, by class; empty if the folder has none.
    """
    path = folder / SAMPLES
    if not path.is_file():
        return []
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if PurePosixPath(name).parts[0] == group]
        return [
            Sample(PurePosixPath(name).parent.name, open_image(io.BytesIO(archive.read(name))))
            for name in names
        ]
