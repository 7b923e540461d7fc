"""Results on their way out: files to download, pictures small enough to show, and rows of small pictures."""

import io
import secrets
import zipfile
from collections.abc import Mapping
from pathlib import Path

import gradio as gr
from gradio.utils import get_upload_folder
from PIL import Image, ImageDraw, ImageOps


def result_path(name: str) -> Path:
    """A fresh path in Gradio's cache, where `delete_cache` sweeps it away later.

    The folder's random name keeps one visitor's result from being guessed by another.
    """
    folder = Path(get_upload_folder()) / secrets.token_hex(16)
    folder.mkdir(parents=True)
    return folder / Path(name).name


def result_file(data: bytes, name: str) -> str:
    """Write one result for download and return its path."""
    path = result_path(name)
    path.write_bytes(data)
    return str(path)


def encode_image(image: Image.Image, format: str = "PNG") -> bytes:
    """The bytes of a picture's file."""
    stream = io.BytesIO()
    image.save(stream, format, quality=92)
    return stream.getvalue()


def zip_files(files: Mapping[str, bytes], name: str) -> str:
    """Pack files, content by name, into one ZIP for download and return its path."""
    path = result_path(name)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in files.items():
            archive.writestr(member, content)
    return str(path)


def shrink(image: Image.Image, side: int) -> Image.Image:
    """The picture itself, or a smaller one whose longest side has `side` pixels."""
    if max(image.size) <= side:
        return image
    scale = side / max(image.size)
    size = tuple(max(1, round(length * scale)) for length in image.size)
    return image.resize(size, Image.Resampling.LANCZOS)


def display_image(
    image: Image.Image, name: str = "picture", side: int = 1600, paper: str | None = "white"
) -> str:
    """A file that a browser shows quickly, at most `side` pixels long and wide: JPEG for photos, else PNG.

    Args:
        image: The picture. RGB is taken for a photo; maps and drawings stay exact.
        name: Stem of the file's name, which a visitor sees when saving the picture.
        side: Longest side in pixels. Downloads and API results are never made smaller, only what is shown.
        paper: What is transparent is laid on this color, or else black lines would be lost on a dark page;
            None leaves it transparent.

    Returns:
        Path of the file in Gradio's cache.
    """
    image = shrink(image, side)
    if image.mode == "RGB":
        path = result_path(f"{name}.jpg")
        image.save(path, quality=90)
        return str(path)
    path = result_path(f"{name}.png")
    if image.mode == "RGBA" and paper:
        ground = Image.new("RGBA", image.size, paper)
        image = Image.alpha_composite(ground, image).convert("RGB")
    image.save(path, compress_level=3)
    return str(path)


def before_and_after(
    left: Image.Image, right: Image.Image, size: tuple[int, int] = (720, 480)
) -> Image.Image:
    """One picture that is `left` on its left side and `right` on its right, parted by a slanted white line.

    Args:
        left: A photo.
        right: What became of it, of the same size.
        size: Width and height of the result; both are cropped to its shape around the center.
    """
    width, height = size
    left, right = (
        ImageOps.fit(image.convert("RGB"), size, Image.Resampling.LANCZOS) for image in (left, right)
    )
    top, bottom = round(width * 0.56), round(width * 0.44)
    mask = Image.new("L", size, 0)
    ImageDraw.Draw(mask).polygon([(0, 0), (top, 0), (bottom, height), (0, height)], fill=255)
    result = Image.composite(left, right, mask)
    ImageDraw.Draw(result).line([(top, 0), (bottom, height)], fill="white", width=5)
    return result


def thumbnail_row(title: str, columns: int) -> gr.Gallery:
    """One row of small pictures, each with its caption; a click shows one large. Hidden while it is empty.

    Args:
        title: What the row shows, written above it.
        columns: How many pictures there will be.
    """
    with gr.Column(elem_classes="is-strip"):
        gr.Markdown(title, elem_classes="is-note")
        look = {"columns": columns, "rows": 1, "height": "auto", "object_fit": "contain"}
        return gr.Gallery(show_label=False, buttons=["download_all", "download", "fullscreen"], **look)


def download_buttons(*kinds: str) -> list[gr.DownloadButton]:
    """A row of download buttons, such as for "PNG" and "SVG", at first with nothing to download."""
    with gr.Row():
        return [gr.DownloadButton(f"Download {kind}", interactive=False) for kind in kinds]


def download_button(data: bytes | None = None, name: str = "") -> gr.DownloadButton:
    """The new state of a download button: it offers this file, or nothing."""
    if data is None:
        return gr.DownloadButton(value=None, interactive=False)
    return gr.DownloadButton(value=result_file(data, name), interactive=True)
