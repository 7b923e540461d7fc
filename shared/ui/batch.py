"""Many pictures at once: the page's tab, the loop with its limits, and the ZIP with the results."""

import csv
import html
import io
import shutil
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from shared.core.images import ImageError, open_image, safe_stem
from shared.ui.components.image_inputs import image_files
from shared.ui.components.results import result_path
from shared.ui.events import on_event

PROGRESS = gr.Progress()  # a default value by which Gradio finds the argument for the progress bar
MAX_FILES = 50  # pictures in one batch
MAX_BYTES = 256 * 2**20  # of all files of one batch together


def batch_tab(function: Callable, settings: Sequence[Any], button: str) -> gr.File:
    """Fill the tab for many pictures.

    Args:
        function: Takes the list of file paths, the settings and the progress bar; returns what `run_batch`
            returns.
        settings: The page's components for the settings.
        button: What the button says.

    Returns:
        The component for the photos, for the function's endpoint.
    """
    files = image_files("Photos", elem_classes="is-files")
    start = gr.Button(button, variant="primary")
    archive = gr.File(label="All results in one ZIP", visible=False, elem_classes="is-zip")
    report = gr.HTML(padding=False)

    # Gradio fills in the progress bar by its place among the positional arguments: it cannot come last here.
    def show(paths: list[str], progress: gr.Progress = PROGRESS, *values: Any) -> list[Any]:
        path, rows = function(paths, *values, progress=progress)
        lines = (f"<li><b>{html.escape(name)}</b> {html.escape(words)}</li>" for name, words in rows)
        return [gr.File(path, visible=path is not None), f"<ul class='is-report'>{''.join(lines)}</ul>"]

    on_event([start.click], show, [files, *settings], [archive, report])
    return files


def run_batch(
    files: list[str],
    work: Callable[[Image.Image], dict[str, bytes] | tuple[dict[str, bytes], dict[str, Any]]],
    name: str,
    progress: gr.Progress,
) -> tuple[str | None, list[list[str]]]:
    """Do the same to many pictures and put the results into one ZIP. A bad file is reported and skipped.

    Args:
        files: Paths of the pictures.
        work: From a picture to its result files: content by ending, such as `{".png": ..., ".svg": ...}`. It
            may return these and a row, cells by column; then the ZIP holds a table of all pictures as well.
        name: Name of the ZIP file, without `.zip`, and of the table in it, without `.csv`.
        progress: The event's progress bar.

    Returns:
        Path of the ZIP (None when no picture could be read), and of each file its name and what became of it.

    Raises:
        ImageError: No file, too many files, or too many bytes.
    """
    if not files:
        raise ImageError("Please choose one or more pictures first.")
    if len(files) > MAX_FILES:
        raise ImageError(f"These are {len(files)} pictures; at most {MAX_FILES} go at once.")
    size = sum(Path(file).stat().st_size for file in files)
    if size > MAX_BYTES:
        limit = MAX_BYTES // 2**20
        raise ImageError(f"These files are {size / 2**20:.0f} MB together; at most {limit} MB go at once.")

    target = result_path(f"{name}.zip")
    rows: list[list[str]] = []
    cells: list[dict[str, Any]] = []
    taken: set[str] = set()
    try:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in progress.tqdm(files, desc="Pictures", unit="pictures"):
                try:
                    results = work(open_image(file))
                except ImageError as error:
                    rows.append([Path(file).name, f"Skipped: {error}"])
                    cells.append({"note": rows[-1][1]})
                    continue
                results, row = results if isinstance(results, tuple) else (results, {})
                stem = _free(safe_stem(Path(file).name), taken)
                for ending, content in results.items():
                    archive.writestr(stem + ending, content)
                rows.append([Path(file).name, ", ".join(stem + ending for ending in results)])
                cells.append(row)
            if any("note" not in row and row for row in cells):
                names = [name for name, _ in rows]
                archive.writestr(f"{target.stem}.csv", _table(names, cells))
    finally:
        if not taken or len(rows) < len(files):  # nothing in it, or the work has failed halfway
            shutil.rmtree(target.parent)
    return (str(target) if taken else None), rows


def _table(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """A table as spreadsheets read it: a row per picture, its file's name first, and a note last."""
    columns = dict.fromkeys(["file", *(key for row in rows for key in row if key != "note"), "note"])
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="")
    writer.writeheader()
    for name, row in zip(names, rows, strict=True):
        # A name that begins like a formula would be one in a spreadsheet.
        writer.writerow({"file": f"'{name}" if name[:1] in "=+-@" else name, **row})
    return "\ufeff" + text.getvalue()  # the mark by which spreadsheets know UTF-8


def _free(stem: str, taken: set[str]) -> str:
    """`stem`, or `stem-2`, `stem-3`, ... when the name is taken (upper and lower case are the same)."""
    name, number = stem, 2
    while name.lower() in taken:
        name, number = f"{stem}-{number}", number + 1
    taken.add(name.lower())
    return name
