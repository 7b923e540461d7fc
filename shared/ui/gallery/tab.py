"""The tab where visitors bring pictures of their own: add, remove, save, load, and see what is there."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from shared.core.images import MAX_BYTES
from shared.gallery.gallery import MAX_COUNT, Gallery
from shared.ui.batch import PROGRESS
from shared.ui.components.image_inputs import image_files
from shared.ui.components.results import result_path
from shared.ui.errors import user_facing
from shared.ui.events import LONG_RUNNING, on_event
from shared.ui.gallery.gallery_store import SUFFIX, VisitorSession
from shared.ui.search.image_grid import Tile, empty, grid, tiles
from shared.ui.tabs import LazyTab

PAGE = 48  # pictures shown at a time
TOLD = 100  # skipped files that are told by name
PRIVATE = (
    f"Up to {MAX_COUNT:,} pictures, or ZIP archives of at most {MAX_BYTES // 2**20} MB. Nobody else sees "
    "them, and they are gone an hour after you have left. Download the gallery to bring it back another day."
)


@dataclass(frozen=True)
class GalleryTab:
    """What the rest of a page needs of the gallery's tab.

    Attributes:
        view: The tab's view, for `load_open_tab`.
        files: The component for pictures, for an endpoint.
    """

    view: LazyTab
    files: gr.File


def gallery_tab(space: str, visit: VisitorSession) -> GalleryTab:
    """Make the tab.

    Args:
        space: The space's name, for the counts and the name of the file.
        visit: What the page keeps of its visitor.
    """
    galleries, session, version = visit.galleries, visit.session, visit.version
    with gr.Tab("Gallery", elem_id="gallery") as tab:
        pages = gr.State(1)
        files = image_files(
            "Add pictures", file_types=["image", ".zip", SUFFIX], elem_classes="is-files", height=150
        )
        gr.Markdown(PRIVATE, elem_classes="is-note")
        report = gr.HTML(padding=False, elem_classes="is-added")
        with gr.Row(elem_classes="is-row"):
            restart = gr.Button("Back to the sample photos", size="sm")
            clear = gr.Button("Remove all", size="sm")
            save = gr.Button("Download all as one file", size="sm")
        label = "The whole gallery: add this file to have it back"
        file = gr.File(label=label, visible=False, elem_classes="is-saved")
        words = gr.Markdown(elem_classes="is-note")
        shown = grid()
        more = gr.Button("Show more", visible=False, size="sm")

    @user_facing(space)
    def show(session: str, _: int, pages: int) -> list[Any]:
        gallery = galleries.seen(session)
        entries = gallery.entries
        rows = [Tile(entry.id, entry.name, entry.thumbnail) for entry in entries[: PAGE * pages]]
        filled = tiles(rows, button="Remove") if rows else empty("No pictures: add some above.")
        size = f"{len(entries):,} {'picture' if len(entries) == 1 else 'pictures'}, {_megabytes(gallery)}"
        return [filled, size, gr.Button(visible=len(rows) < len(entries))]

    # Gradio fills in the progress bar by its place among the positional arguments: it cannot come last here.
    @user_facing(space)
    def add(paths: list[str], session: str, progress: gr.Progress = PROGRESS, version: int = 0) -> list[Any]:
        if not paths:
            return [gr.skip()] * 3
        _, ids, skipped = galleries.add(paths, session, progress=progress)
        return [version + 1, _report(len(ids), skipped), None]

    @user_facing(space)
    def remove(session: str, version: int, event: gr.EventData) -> list[Any]:
        galleries.remove([event.index], session)
        return [version + 1, ""]

    @user_facing(space)
    def remove_all(session: str, version: int) -> list[Any]:
        galleries.remove([], session, everything=True)
        return [version + 1, "", 1]

    @user_facing(space)
    def start_again(session: str, version: int) -> list[Any]:
        galleries.restart(session)
        return [version + 1, "", 1]

    @user_facing(space)
    def download(session: str) -> gr.File:
        return gr.File(saved_gallery(galleries.seen(session), space), visible=True)

    on_event(
        [files.upload],
        add,
        [files, session, version],
        [version, report, files],
        concurrency=LONG_RUNNING,
        progress_on=files,
    )
    on_event([shown.click], remove, [session, version], [version, report])
    on_event([clear.click], remove_all, [session, version], [version, report, pages])
    on_event([restart.click], start_again, [session, version], [version, report, pages])
    on_event([more.click], lambda pages: pages + 1, [pages], pages)
    on_event([save.click], download, [session], file, concurrency=LONG_RUNNING)
    view = LazyTab(tab, show, [session, version, pages], [shown, words, more], [version.change, pages.change])
    return GalleryTab(view, files)


def saved_gallery(gallery: Gallery, name: str) -> str:
    """Write a gallery to a file for download and return its path."""
    path = result_path(f"{name}{SUFFIX}")
    gallery.save(path)
    return str(path)


def added(ids: Sequence[int], skipped: Sequence[tuple[str, str]]) -> Mapping[str, Any]:
    """What became of an upload, as plain values."""
    return {"added": list(ids), "skipped": [{"name": name, "reason": reason} for name, reason in skipped]}


def _report(count: int, skipped: Sequence[tuple[str, str]]) -> str:
    words = f"Added {count:,} {'picture' if count == 1 else 'pictures'}"
    if not skipped:
        return f"<p>{words}.</p>"
    lines = [f"<li><b>{html.escape(name)}</b> {html.escape(reason)}</li>" for name, reason in skipped[:TOLD]]
    if len(skipped) > TOLD:
        lines.append(f"<li>and {len(skipped) - TOLD:,} more</li>")
    files = "file" if len(skipped) == 1 else "files"
    opened = " open" if len(skipped) <= 5 or not count else ""
    summary = f"<summary>{words}, skipped {len(skipped):,} {files}</summary>"
    return f"<details{opened}>{summary}<ul class='is-report'>{''.join(lines)}</ul></details>"


def _megabytes(gallery: Gallery) -> str:
    return f"{gallery.nbytes / 2**20:.1f} of {gallery.max_bytes // 2**20} MB"
