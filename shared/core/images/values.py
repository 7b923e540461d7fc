"""Opening of images: any source becomes one upright RGB image, or one clear error.

Limits are checked on the file's header, before a pixel is decoded. No setting of PIL is changed: the apps
decode on many threads at once, and other code in the process relies on its own settings.
"""

from __future__ import annotations

import io
import os
import warnings
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import numpy as np
from PIL import ExifTags, Image

if TYPE_CHECKING:
    import torch

#: Anything that `open_image` accepts.
Source: TypeAlias = str | os.PathLike | bytes | BinaryIO | Image.Image | np.ndarray
#: Part of an image: left, top, right and bottom in pixels.
Box: TypeAlias = tuple[float, float, float, float]

MAX_PIXELS = 50_000_000
MAX_FILE_BYTES = 64 * 2**20
#: Longest side in pixels of thumbnails, and of images that are described or explained at reduced size.
THUMBNAIL_SIDE = 640

# PIL reads many other formats, but visitors do not have them, and some of them start other programs (EPS).
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
Image.init()
_OPENERS = {name: Image.OPEN[name] for name in FORMATS if name in Image.OPEN}

# Transposition that undoes each value of the EXIF orientation tag (Exif 2.32, section 4.6.4 A).
_TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_DAMAGED = (
    "This picture is damaged: its file is cut short or holds wrong data. Please save it again and retry."
)

# PIL's warnings about odd metadata are noise here. They are silenced for good: `warnings.catch_warnings`
# swaps a list of the whole process and so is not safe on many threads.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


class ImageError(ValueError):
    """Image that cannot be used; the text is written for the visitor, who sees it unchanged."""


def open_image(source: Source) -> Image.Image:
    """Open an image from any source.

    Args:
        source: A path, the bytes of a file, an open binary file, a PIL image, or an array `[H, W]`,
            `[H, W, 1]`, `[H, W, 3]` or `[H, W, 4]` of uint8, uint16, bool or floats in 0..1.

    Returns:
        A new PIL image of mode RGB: decoded, upright by its EXIF orientation, without metadata. Transparent
        parts are white; an animation gives its first frame; 16-bit and float values are scaled to 8 bits.

    Raises:
        ImageError: The source is no image, is damaged, or is larger than `MAX_PIXELS` or `MAX_FILE_BYTES`.
    """
    if source is None:
        raise ImageError("There is no picture yet: please choose one first.")
    image = _from_array(source) if isinstance(source, np.ndarray) else source
    image = image if isinstance(image, Image.Image) else _open_header(read_file(image))
    _check_pixels(*image.size)
    try:
        image.load()
        return _to_rgb(_rotate_upright(image))
    except ImageError:
        raise
    except Exception as error:  # on damaged files decoders raise anything from SyntaxError to struct.error
        raise ImageError(_DAMAGED) from error


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
    return Image.fromarray(_to_uint8(rows.clip(0, 1) * 255))


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


def read_file(source: Any) -> bytes:
    """Read an image file, of which at most one byte more than the limit is read.

    Args:
        source: A path, an open binary file, or bytes.

    Raises:
        ImageError: The file cannot be read, is empty, or is larger than `MAX_FILE_BYTES`.
    """
    data = source
    try:
        if isinstance(source, (str, os.PathLike)):
            with open(source, "rb") as stream:
                data = stream.read(MAX_FILE_BYTES + 1)
        elif hasattr(source, "read"):
            if source.seekable():
                source.seek(0)
            data = source.read(MAX_FILE_BYTES + 1)
    # ValueError: a closed file, or a path with a zero byte; RuntimeError: an encrypted member of an archive
    except (OSError, ValueError, RuntimeError) as error:
        raise ImageError("The picture file cannot be found or read: please choose it again.") from error
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise ImageError(f"Expected a picture or its file, received {type(source).__name__}.")
    if len(data) == 0:
        raise ImageError("This file is empty: please choose another one.")
    if len(data) > MAX_FILE_BYTES:
        raise ImageError(
            f"This file is larger than {MAX_FILE_BYTES // 2**20} MB: please make the picture smaller."
        )
    return bytes(data)


def _open_header(data: bytes) -> Image.Image:
    """Read the header of a file.

    This is `Image.open` without PIL's own check of the size, which warns or fails at a limit that is a
    setting of the whole process; `_check_pixels` has a stricter one.
    """
    for factory, accept in _OPENERS.values():
        # A string in place of True means that the decoder is not built in.
        if accept is not None and accept(data[:16]) is True:
            try:
                return factory(io.BytesIO(data), "")
            except Exception as error:  # see open_image
                raise ImageError(_DAMAGED) from error
    *names, last = _OPENERS
    raise ImageError(f"This file is not a picture that we can open: please use {', '.join(names)} or {last}.")


def _check_pixels(width: int, height: int) -> None:
    if width * height == 0:
        raise ImageError("This picture has no pixels: please choose another one.")
    if width * height > MAX_PIXELS:
        size, limit = f"{width} x {height}", f"{MAX_PIXELS // 10**6} million pixels"
        raise ImageError(f"This picture of {size} has more than {limit}: please make it smaller.")


def _rotate_upright(image: Image.Image) -> Image.Image:
    """Apply the EXIF orientation."""
    try:
        transposition = _TRANSPOSITIONS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # see open_image; an image with unreadable metadata is still usable
        return image
    return image if transposition is None else image.transpose(transposition)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = Image.fromarray(_grey_levels(image))
    elif image.has_transparency_data:
        image = image.convert("RGBA")
        background = Image.new("RGB", image.size, "white")
        background.paste(image, mask=image.getchannel("A"))
        return background
    image = image.convert("RGB")
    image.info = {}
    return image


def _grey_levels(image: Image.Image) -> np.ndarray:
    """Scale an image of 16-bit, 32-bit or float values to 8 bits.

    16-bit modes use their full range. The others carry no range: they get the smallest common one (1, 255,
    65535) that holds their values, and are stretched from minimum to maximum if none does.
    """
    values = np.asarray(image, dtype=np.float32)
    if not np.isfinite(values).all():
        raise ImageError("This picture holds values that are not numbers: please save it again without them.")
    low, high = float(values.min()), float(values.max())
    if image.mode.startswith("I;16"):
        low, high = 0, 65535
    elif low >= 0 and high <= 65535:
        low, high = 0, next(top for top in (1, 255, 65535) if high <= top)
    return _to_uint8((values - low) * (255 / max(high - low, 1e-12)))


def _from_array(array: np.ndarray) -> Image.Image:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim != 2 and array.shape[2:] not in ((3,), (4,)):
        raise ImageError(f"Expected an array [H, W], [H, W, 3] or [H, W, 4], received {list(array.shape)}.")
    _check_pixels(array.shape[1], array.shape[0])
    if array.dtype == bool:
        array = array.astype(np.uint8) * 255
    elif array.dtype == np.uint16:
        array = _to_uint8(array / np.float32(257))
    elif array.dtype.kind == "f":
        low, high = float(array.min()), float(array.max())
        if not (low >= -1e-6 and high <= 1 + 1e-6):  # false for NaN as well
            raise ImageError(f"Expected an array of floats in 0..1, received {low:g}..{high:g}.")
        array = _to_uint8(array.astype(np.float32).clip(0, 1) * 255)
    elif array.dtype != np.uint8:
        raise ImageError(
            f"Expected an array of uint8, uint16, bool or floats in 0..1, received {array.dtype}."
        )
    return Image.fromarray(array)


def _to_uint8(levels: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.rint(levels), dtype=np.uint8)
