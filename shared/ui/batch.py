"""Many images in one call: the tab, the loop with its limits, and the ZIP archive of results."""

from __future__ import annotations

import csv
import html
import io
import shutil
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TypeAlias

import gradio as gr
from gradio.components import Component
from PIL import Image

from shared.core.file_names import safe_stem
from shared.core.images import ImageError, encode_image, open_image, shrink
from shared.core.uploads import UploadLimits, UploadReader
from shared.ui.components.image_inputs import image_files
from shared.ui.components.results import file_url
from shared.ui.events import on_event
from shared.ui.gradio_workarounds import new_cache_path

#: Default value of an argument, by which Gradio finds the argument for the progress bar.
PROGRESS = gr.Progress()
MAX_FILES = 50
MAX_BYTES = 256 * 2**20  # of all files together
LIMITS = UploadLimits(total_bytes=MAX_BYTES)
THUMBNAIL_SIDE = 320  # in pixels; twice the width in the report, for dense screens

#: Path of the archive (None if no image could be read), and name and outcome of each file.
BatchResult: TypeAlias = tuple[str | None, list[list[str]]]
#: Contents of an image's result files by suffix, such as `{".png": ..., ".svg": ...}`.
ResultFiles: TypeAlias = dict[str, bytes]
#: Cells of an image's row in the table, by column.
Row: TypeAlias = Mapping[str, object]


@dataclass(frozen=True)
class BatchItem:
    """Results of one image.

    Attributes:
        files: Result files for the archive.
        row: Cells of the table; without rows the archive has no table.
        summary: Words under the image in the report; by default the names of its result files.
    """

    files: ResultFiles
    row: Row = field(default_factory=dict)
    summary: str = ""


def batch_tab(function: Callable[..., BatchResult], settings: Sequence[Component], button: str) -> gr.File:
    """Create the tab "Several photos": an input for many images, and an archive of their results.

    Args:
        function: Endpoint `(paths, *settings, progress)`, which usually calls `run_batch`.
        settings: Components of the function's settings.
        button: Label of the button.

    Returns:
        The input for the images, for the function's endpoint.
    """
    with gr.Tab("Several photos"):
        files = image_files("Photos", file_types=["image", ".zip"], elem_classes="is-files")
        start = gr.Button(button, variant="primary")
        archive = gr.File(label="All results in one ZIP", visible=False, elem_classes="is-zip")
        report = gr.HTML(padding=False)

    # Gradio (6.31) passes the progress bar by its position, so it cannot follow a variable number of values.
    def show(paths: list[str], progress: gr.Progress = PROGRESS, *values: object) -> list[object]:
        path, outcomes = function(paths, *values, progress=progress)
        return [gr.File(path, visible=path is not None), _report(path, outcomes)]

    on_event([start.click], show, [files, *settings], [archive, report], progress_on=report)
    return files


def _report(archive: str | None, outcomes: Sequence[Sequence[str]]) -> str:
    """Return the HTML of the images with their names and outcomes."""
    lines = []
    for index, (name, outcome) in enumerate(outcomes):
        thumbnail = _thumbnail_path(Path(archive), index) if archive else None
        picture = ""
        if thumbnail and thumbnail.is_file():
            address = html.escape(file_url(str(thumbnail)))
            picture = f'<img src="{address}" alt="{html.escape(name)}" loading="lazy">'
        lines.append(f"<li>{picture}<b>{html.escape(name)}</b><span>{html.escape(outcome)}</span></li>")
    return f"<ul class='is-report is-photos'>{''.join(lines)}</ul>"


def _thumbnail_path(archive: Path, index: int) -> Path:
    """Return the path of an image's thumbnail, which lies beside the archive."""
    return archive.with_name(f"{index}.jpg")


def run_batch(
    paths: Sequence[str],
    process: Callable[[Image.Image], ResultFiles | BatchItem],
    name: str,
    progress: gr.Progress,
) -> BatchResult:
    """Process many images and pack the results into one ZIP archive; unreadable files are reported last.

    Thumbnails of the images lie beside the archive, for the report.

    Args:
        paths: Paths of images, or of ZIP archives of images.
        process: Maps an image to its results.
        name: Name of the archive without `.zip`, and of the table in it without `.csv`.
        progress: Progress bar of the event.

    Raises:
        ImageError: No file, too many files, or too many bytes.
    """
    uploads = UploadReader(paths, LIMITS)
    _check_limits(uploads, paths)
    target = new_cache_path(f"{name}.zip")
    outcomes: list[list[str]] = []
    rows: list[Row] = []
    stems: set[str] = set()
    finished = False
    try:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for file_name, file in progress.tqdm(uploads, desc="Pictures", unit="pictures"):
                try:
                    image = open_image(file)
                    results = process(image)
                except ImageError as error:
                    outcomes.append([file_name, f"Skipped: {error}"])
                    rows.append({"note": outcomes[-1][1]})
                    continue
                item = results if isinstance(results, BatchItem) else BatchItem(results)
                stem = _unique_stem(safe_stem(PurePath(file_name).name), stems)
                for suffix, content in item.files.items():
                    archive.writestr(stem + suffix, content)
                thumbnail = encode_image(shrink(image, THUMBNAIL_SIDE), "JPEG", 85)
                _thumbnail_path(target, len(outcomes)).write_bytes(thumbnail)
                file_names = ", ".join(stem + suffix for suffix in item.files)
                outcomes.append([file_name, item.summary or file_names])
                rows.append(item.row)
            finished = True
            for file_name, reason in uploads.skipped:
                outcomes.append([file_name, f"Skipped: {reason}"])
                rows.append({"note": outcomes[-1][1]})
            if any("note" not in row and row for row in rows):
                table = _table([file_name for file_name, _ in outcomes], rows)
                archive.writestr(f"{target.stem}.csv", table)
    finally:
        if not (stems and finished):  # nothing in it, or `process` failed
            shutil.rmtree(target.parent)
    return (str(target) if stems else None), outcomes


def _check_limits(uploads: UploadReader, paths: Sequence[str]) -> None:
    if not paths:
        raise ImageError("Please choose one or more pictures first.")
    if len(uploads) > MAX_FILES:
        raise ImageError(f"You chose {len(uploads)} pictures; up to {MAX_FILES} fit in one go.")
    size = sum(Path(path).stat().st_size for path in paths)
    if size > MAX_BYTES:
        raise ImageError(
            f"These files have {size / 2**20:.0f} MB together; up to {MAX_BYTES // 2**20} MB fit in one go."
        )


def _table(names: Sequence[str], rows: Sequence[Row]) -> str:
    """Return a CSV table for spreadsheets: one row per image, with the file name first and a note last."""
    columns = dict.fromkeys(["file", *(key for row in rows for key in row if key != "note"), "note"])
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(columns), restval="")
    writer.writeheader()
    for name, row in zip(names, rows, strict=True):
        # A spreadsheet would run a name that begins like a formula.
        writer.writerow({"file": f"'{name}" if name[:1] in "=+-@" else name, **row})
    return "\ufeff" + text.getvalue()  # the mark by which spreadsheets recognise UTF-8


def _unique_stem(stem: str, stems: set[str]) -> str:
    """Return `stem`, `stem-2`, `stem-3`, ... whichever is not in use, and add it in lower case to `stems`."""
    name, number = stem, 2
    while name.lower() in stems:
        name, number = f"{stem}-{number}", number + 1
    stems.add(name.lower())
    return name
