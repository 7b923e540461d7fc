"""The tab of a visitor's gallery: add, remove, save and load images."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import gradio as gr

from shared.core.errors import InputError
from shared.core.images import MAX_FILE_BYTES
from shared.gallery.gallery import MAX_COUNT, Gallery
from shared.ui.batch import PROGRESS
from shared.ui.components.image_inputs import image_files
from shared.ui.components.results import download_when_set
from shared.ui.errors import user_facing
from shared.ui.events import LONG_RUNNING, on_event
from shared.ui.gallery.gallery_store import VisitorSession
from shared.ui.gallery.saved_galleries import SUFFIX
from shared.ui.gallery.upload_report import UploadReport
from shared.ui.gradio_workarounds import new_cache_path
from shared.ui.long_runs import connect_stoppable, stop_file
from shared.ui.search.image_grid import GridImage, grid_message, image_grid, image_grid_html
from shared.ui.tabs import LazyTab

PAGE_SIZE = 48  # images shown at a time
MAX_LISTED = 100  # skipped files listed by name
CLEAR, RESTART = "clear", "restart"  # actions that ask first
PRIVACY = (
    f"Add up to {MAX_COUNT:,} pictures, or ZIP files of up to {MAX_FILE_BYTES // 2**20} MB. Only you can see "
    "them, on every page here that searches pictures, and they are deleted an hour after your last visit, "
    "earlier only if the server is full. They take the place of the sample photos. To carry on another day, "
    "download the gallery as one file and add that file again."
)


@dataclass(frozen=True)
class GalleryTab:
    """The tab, for the other parts of a page.

    Attributes:
        tab: For `load_open_tab`.
        files: Input for images, for an endpoint.
    """

    tab: LazyTab
    files: gr.File


@dataclass(frozen=True)
class _Controls:
    """Components of the tab.

    Attributes:
        files: Input for images.
        report: Outcome of the last upload.
        stop: Button that ends an upload early; shown during one.
        restart: Button that brings back the sample images.
        clear: Button that removes all images.
        question: Row that asks before images are removed.
        asked: Text of the question.
        confirm: Button that says yes.
        keep: Button that says no.
        action: State with the name of the action that waits for the answer.
        save: Button that writes the gallery to a file.
        saved: That file.
        summary: Number and size of the images.
        grid: The images.
        show_more: Button that shows further images.
        pages: State with the number of pages shown.
    """

    files: gr.File
    report: gr.HTML
    stop: gr.Button
    restart: gr.Button
    clear: gr.Button
    question: gr.Row
    asked: gr.Markdown
    confirm: gr.Button
    keep: gr.Button
    action: gr.State
    save: gr.Button
    saved: gr.File
    summary: gr.Markdown
    grid: gr.HTML
    show_more: gr.Button
    pages: gr.State


def gallery_tab(space: str, visitor: VisitorSession) -> GalleryTab:
    """Create the tab.

    Args:
        space: Name of the space, under which calls are counted in /metrics; also for the saved file.
        visitor: Session of the page's visitor.
    """
    store, session, version = visitor.store, visitor.session, visitor.version
    with gr.Tab("Gallery", elem_id="gallery") as tab:
        controls = _create_controls()

    @user_facing(space)
    def show(session: str, _: int, pages: int) -> list[object]:
        gallery = store.get(session)
        entries = gallery.entries[::-1]  # the newest first
        images = [GridImage(entry.id, entry.name, entry.thumbnail) for entry in entries[: PAGE_SIZE * pages]]
        grid = (
            image_grid_html(images, button="Remove")
            if images
            else grid_message("No pictures: add some above.")
        )
        return [grid, _summary(gallery), gr.Button(visible=len(images) < len(entries))]

    # Gradio (6.31) passes the request and the progress bar by their positions, so they cannot come last here.
    @user_facing(space)
    def add(
        paths: list[str],
        session: str,
        request: gr.Request,
        progress: gr.Progress = PROGRESS,
        version: int = 0,
    ) -> list[object]:
        if not paths:
            return [gr.skip()] * 3
        report = store.add(paths, session, progress=progress, stop=stop_file(request))
        return [version + 1, _report_html(report), None]

    @user_facing(space)
    def remove(session: str, version: int, event: gr.EventData) -> list[object]:
        store.remove([event.index], session)
        return [version + 1, ""]

    @user_facing(space)
    def save(session: str) -> gr.File:
        gallery = store.get(session)
        if not len(gallery):
            raise InputError("The gallery is empty: add some pictures first.")
        return gr.File(save_gallery_file(gallery, space), visible=True)

    report, pages, files = controls.report, controls.pages, controls.files
    connect_stoppable(
        [files.upload],
        add,
        [files, session, version],
        [version, report, files],
        controls.stop,
        progress_on=files,
    )
    on_event([controls.grid.click], remove, [session, version], [version, report])
    _connect_questions(space, visitor, controls)
    on_event([controls.show_more.click], lambda pages: pages + 1, [pages], pages)
    on_event(
        [controls.save.click],
        save,
        [session],
        controls.saved,
        concurrency=LONG_RUNNING,
        progress_on=controls.summary,  # the file is hidden until it is there
    )
    download_when_set(controls.saved)
    outputs = [controls.grid, controls.summary, controls.show_more]
    triggers = [version.change, pages.change]
    return GalleryTab(LazyTab(tab, show, [session, version, pages], outputs, triggers), files)


def _connect_questions(space: str, visitor: VisitorSession, controls: _Controls) -> None:
    """Connect the actions that remove images only after a visitor has said yes; see `gallery_tab`."""
    store, session, version = visitor.store, visitor.session, visitor.version

    @user_facing(space)
    def ask_to_clear(session: str) -> list[object]:
        count = len(store.get(session))
        if not count:
            gr.Info("The gallery is empty already.")
            return [gr.skip()] * 3
        return [*_question(f"Really remove {_all(count)}?"), CLEAR]

    @user_facing(space)
    def ask_to_restart(session: str) -> list[object]:
        count = store.count_own(session)
        if not count:
            gr.Info("These are the sample photos already.")
            return [gr.skip()] * 3
        return [*_question(f"Really remove {_all(count)} of yours?"), RESTART]

    @user_facing(space)
    def empty(action: str, session: str, version: int) -> list[object]:
        (store.clear if action == CLEAR else store.reset)(session)
        return [version + 1, "", 1, *_question()]

    question, action = [controls.question, controls.asked], controls.action
    outputs = [version, controls.report, controls.pages, *question]
    on_event([controls.clear.click], ask_to_clear, [session], [*question, action])
    on_event([controls.restart.click], ask_to_restart, [session], [*question, action])
    on_event([controls.keep.click, version.change], _question, [], question, concurrency=None)
    on_event([controls.confirm.click], empty, [action, session, version], outputs)


def _create_controls() -> _Controls:
    pages = gr.State(1)
    files = image_files(
        "Add pictures", file_types=["image", ".zip", SUFFIX], elem_classes="is-files", height=150
    )
    stop = gr.Button("Stop", size="sm", visible=False)
    gr.Markdown(PRIVACY, elem_classes="is-note")
    report = gr.HTML(padding=False, elem_classes="is-added")
    with gr.Row(elem_classes="is-row"):
        restart = gr.Button("Back to the sample photos", size="sm")
        clear = gr.Button("Remove all", size="sm")
        save = gr.Button("Download all as one file", size="sm")
    with gr.Row(visible=False, elem_classes="is-question") as question:
        asked = gr.Markdown()
        confirm = gr.Button("Remove", size="sm", variant="stop")
        keep = gr.Button("Keep", size="sm")
    label = "Your whole gallery in one file: add it here again whenever you like"
    saved = gr.File(label=label, visible=False, elem_classes="is-saved")
    summary = gr.Markdown(elem_classes="is-note")
    grid = image_grid()
    show_more = gr.Button("Show more", visible=False, size="sm")
    return _Controls(
        files=files,
        report=report,
        stop=stop,
        restart=restart,
        clear=clear,
        question=question,
        asked=asked,
        confirm=confirm,
        keep=keep,
        action=gr.State(""),
        save=save,
        saved=saved,
        summary=summary,
        grid=grid,
        show_more=show_more,
        pages=pages,
    )


def _question(text: str = "") -> list[object]:
    """Return the updates that show a question, or hide it."""
    return [gr.Row(visible=bool(text)), text]


def _all(count: int) -> str:
    return "this picture" if count == 1 else f"all {count:,} pictures"


def save_gallery_file(gallery: Gallery, name: str) -> str:
    """Write a gallery to a file for download and return its path.

    Args:
        gallery: The gallery.
        name: Stem of the file name.
    """
    path = new_cache_path(f"{name}{SUFFIX}")
    gallery.save(path)
    return str(path)


def _report_html(report: UploadReport) -> str:
    added = f"{'Stopped: added' if report.stopped else 'Added'} {_count(len(report.ids), 'picture')}"
    skipped = report.skipped
    if not skipped:
        return f"<p>{added}.</p>"
    state = " open" if len(skipped) <= 5 or not report.ids else ""
    summary = f"<summary>{added}, skipped {_count(len(skipped), 'file')}</summary>"
    return f"<details{state}>{summary}<ul class='is-report'>{_skipped_html(skipped)}</ul></details>"


def _skipped_html(skipped: Sequence[tuple[str, str]]) -> str:
    lines = [
        f"<li><b>{html.escape(name)}</b> {html.escape(reason)}</li>" for name, reason in skipped[:MAX_LISTED]
    ]
    if len(skipped) > MAX_LISTED:
        lines.append(f"<li>and {len(skipped) - MAX_LISTED:,} more</li>")
    return "".join(lines)


def _summary(gallery: Gallery) -> str:
    size = f"{gallery.nbytes / 2**20:.1f} of {gallery.max_bytes // 2**20} MB"
    return f"{_count(len(gallery), 'picture')}, {size}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun if number == 1 else noun + 's'}"
