"""Values of images: parts, sizes, tensors, encoded files."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from PIL import Image

from shared.core.images.errors import ImageError
from shared.core.images.levels import to_uint8

if TYPE_CHECKING:
    import torch

#: Part of an image: left, top, right and bottom in pixels.
Box: TypeAlias = tuple[float, float, float, float]

#: Longest side in pixels of thumbnails, and of images that are described or explained at reduced size.
THUMBNAIL_SIDE = 640

#: From twice this factor on, PIL first averages blocks of pixels, which is faster for large images.
_REDUCING_GAP = 2.0


def crop(image: Image.Image, box: Box | None) -> Image.Image:
    """Return the part of an image in a box, clipped to the image; the whole image for None.

    Args:
        image: Any image.
        box: See `Box`.

    Raises:
        ImageError: Less than one pixel lies inside, or the box is not four numbers.
    """
    if box is None:
        return image
    try:
        left, top, right, bottom = (round(edge) for edge in box)
    except (TypeError, ValueError, OverflowError) as error:
        raise ImageError(f"A part of a picture must lie in the picture, in four numbers: {error}.") from error
    clipped = max(left, 0), max(top, 0), min(right, image.width), min(bottom, image.height)
    if clipped[0] >= clipped[2] or clipped[1] >= clipped[3]:
        raise ImageError(f"The part must lie in the picture of {image.size}, received {tuple(box)}.")
    return image.crop(clipped)


def shrink(image: Image.Image, max_side: int = THUMBNAIL_SIDE) -> Image.Image:
    """Shrink an image to a longest side of `max_side` pixels; a smaller one is returned as it is.

    >>> shrink(Image.new("RGB", (2000, 1)), 100).size
    (100, 1)
    """
    if max(image.size) <= max_side:
        return image
    scale = max_side / max(image.size)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)


def to_tensor(image: Image.Image) -> torch.Tensor:
    """Convert an image to a network's input.

    Args:
        image: An image; other modes than RGB are converted by PIL.

    Returns:
        A float32 tensor of shape `[1, 3, H, W]` with values in 0..1.

    >>> to_tensor(Image.new("RGB", (5, 2), "white")).shape
    torch.Size([1, 3, 2, 5])
    """
    import torch  # deferred: pages need this module before they need torch, which is slow to import

    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)[None].float().div(255)


def resize_to_tensor(image: Image.Image, size: tuple[int, int]) -> torch.Tensor:
    """Resize an image bicubically and convert it to a network's input.

    Args:
        image: See `to_tensor`.
        size: Width and height in pixels.

    Returns:
        See `to_tensor`; a few values in a thousand differ by 1/255 from those of `PIL.Image.Image.resize`.

    >>> resize_to_tensor(Image.new("RGB", (50, 20), "white"), (5, 2)).shape
    torch.Size([1, 3, 2, 5])
    """
    import torch  # deferred, see `to_tensor`

    if max(image.width / size[0], image.height / size[1]) >= 2 * _REDUCING_GAP:
        return to_tensor(image.resize(size, Image.Resampling.BICUBIC, reducing_gap=_REDUCING_GAP))
    # With the instructions of the processor for 8-bit numbers: three times as fast as PIL.
    pixels = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)[None]
    resized = torch.nn.functional.interpolate(
        pixels, (size[1], size[0]), mode="bicubic", antialias=True, align_corners=False
    )
    return resized.float().div(255)


def to_image(values: np.ndarray | torch.Tensor) -> Image.Image:
    r"""Convert a map or a network's output to an image.

    Args:
        values: Numbers or booleans `[H, W]` (grey) or `[3, H, W]` (RGB) in 0..1, clipped to that range.

    Returns:
        A PIL image of mode L or RGB and of size W x H.

    Raises:
        ValueError: The shape differs, or a value is not a number.

    >>> to_image(np.array([[0.0, 0.5, 1.0]])).tobytes()
    b'\x00\x80\xff'
    """
    array = values.detach().cpu().float().numpy() if hasattr(values, "detach") else values
    array = np.asarray(array, dtype=np.float32)
    if array.ndim != 2 and array.shape[:-2] != (3,):
        raise ValueError(f"expected shape [H, W] or [3, H, W] (no batch), received {list(array.shape)}")
    if np.isnan(array).any():
        raise ValueError("expected numbers in 0..1, received NaN")
    rows = array if array.ndim == 2 else array.transpose(1, 2, 0)
    return Image.fromarray(np.ascontiguousarray(to_uint8(rows.clip(0, 1))))


def encode_image(image: Image.Image, format: str = "PNG", quality: int = 92) -> bytes:
    r"""Return the content of an image file.

    Args:
        image: Any image that the format can hold.
        format: One of PIL's formats.
        quality: Quality of lossy formats, 0..100.

    >>> encode_image(Image.new("L", (2, 2)))[:4]
    b'\x89PNG'
    """
    stream = io.BytesIO()
    image.save(stream, format, quality=quality)
    return stream.getvalue()
