"""Results: images for display, files to download, and rows of thumbnails."""

import zipfile
from collections.abc import Mapping
from urllib.parse import quote

import gradio as gr
from PIL import Image, ImageDraw, ImageOps

from shared.core.images import shrink
from shared.ui import assets
from shared.ui.gradio_workarounds import new_cache_path


def result_file(content: bytes, name: str) -> str:
    """Write a file for download and return its path.

    Args:
        content: Content of the file.
        name: File name for the visitor.
    """
    path = new_cache_path(name)
    path.write_bytes(content)
    return str(path)


def zip_files(files: Mapping[str, bytes], name: str) -> str:
    """Pack files into a ZIP archive for download and return its path.

    Args:
        files: Contents by file name.
        name: File name of the archive.
    """
    path = new_cache_path(name)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in files.items():
            archive.writestr(member, content)
    return str(path)


def display_image(
    image: Image.Image, name: str = "picture", max_side: int = 1600, background: str | None = "white"
) -> str:
    """Write an image that a browser shows quickly, and return its path: JPEG for RGB, PNG for other modes.

    Downloads and API results keep their size; only images for display are made smaller.

    Args:
        image: RGB images are taken for photos; maps and drawings stay lossless.
        name: Stem of the file name, which a visitor sees when saving the image.
        max_side: Longest side in pixels.
        background: CSS color below transparent parts, or black lines would be lost on a dark page; None keeps
            them transparent.
    """
    image = shrink(image, max_side)
    if image.mode == "RGB":
        path = new_cache_path(f"{name}.jpg")
        image.save(path, quality=90)
        return str(path)
    path = new_cache_path(f"{name}.png")
    if image.mode == "RGBA" and background:
        image = Image.alpha_composite(Image.new("RGBA", image.size, background), image).convert("RGB")
    image.save(path, compress_level=3)
    return str(path)


def file_url(path: str) -> str:
    """Return the address of a file from `result_file` or `display_image`, relative to that of the page."""
    return f"gradio_api/file={quote(path)}"


def before_and_after(
    before: Image.Image, after: Image.Image, size: tuple[int, int] = (720, 480)
) -> Image.Image:
    """Return one image with `before` on the left and `after` on the right of a slanted white line.

    Args:
        before: An image.
        after: Its result, of the same size.
        size: Width and height of the output; both images are cropped to its shape around the center.
    """
    width, height = size
    left, right = (
        ImageOps.fit(image.convert("RGB"), size, Image.Resampling.LANCZOS) for image in (before, after)
    )
    top, bottom = round(width * 0.56), round(width * 0.44)
    mask = Image.new("L", size, 0)
    ImageDraw.Draw(mask).polygon([(0, 0), (top, 0), (bottom, height), (0, height)], fill=255)
    result = Image.composite(left, right, mask)
    ImageDraw.Draw(result).line([(top, 0), (bottom, height)], fill="white", width=5)
    return result


def thumbnail_row(title: str, columns: int) -> gr.Gallery:
    """Create a row of small images with captions, hidden while it is empty; a click enlarges an image.

    Args:
        title: Heading of the row.
        columns: Number of images.
    """
    with gr.Column(elem_classes="is-thumbnails"):
        gr.Markdown(title, elem_classes="is-note")
        return gr.Gallery(
            show_label=False,
            buttons=["download_all", "download", "fullscreen"],
            columns=columns,
            rows=1,
            height="auto",
            object_fit="contain",
        )


def download_buttons(*formats: str) -> list[gr.DownloadButton]:
    """Create a row of download buttons, at first without a file.

    Args:
        *formats: Names of the formats, such as "PNG" and "SVG".
    """
    with gr.Row(elem_classes="is-downloads"):
        return [gr.DownloadButton(f"Download {name}", interactive=False) for name in formats]


def download_button(content: bytes | None = None, name: str = "") -> gr.DownloadButton:
    """Return the update of a download button.

    Args:
        content: Content of the file; None disables the button.
        name: File name for the visitor.
    """
    if content is None:
        return gr.DownloadButton(value=None, interactive=False)
    return gr.DownloadButton(value=result_file(content, name), interactive=True)


def download_when_set(file: gr.File) -> None:
    """Download a file in the browser as soon as an event has set it: one click makes and saves it.

    Args:
        file: Component for one file, which stays on the page as a link.
    """
    js = assets.script("download_file")
    file.change(None, [file], js=js, api_visibility="private")
