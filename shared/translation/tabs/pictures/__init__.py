"""Pictures of the page, made by `shared.translation.tabs.make_pictures`."""

from functools import cache
from pathlib import Path

from PIL import Image

from shared.core.images import encode_image

PICTURES = Path(__file__).parent


def read_picture(stem: str) -> bytes:
    """Return the content of a picture; one without a file, as of weights that were just added, is plain grey.

    Args:
        stem: Name of the file without its suffix.
    """
    path = PICTURES / f"{stem}.webp"
    return path.read_bytes() if path.is_file() else _plain_picture()


def sample_pictures(*patterns: str) -> list[Path]:
    """Return the paths of the pictures to start from whose stems match any pattern, in their order."""
    return sorted(path for pattern in patterns for path in PICTURES.glob(f"{pattern}.webp"))


@cache
def _plain_picture() -> bytes:
    return encode_image(Image.new("RGB", (160, 120), "grey"))
