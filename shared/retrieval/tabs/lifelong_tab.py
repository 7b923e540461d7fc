"""Tab "Teach it": a visitor teaches a model a new class, sees what it forgets, and searches with it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import gradio as gr

from shared.core.errors import InputError, StoppedError
from shared.core.file_names import safe_stem
from shared.core.images import encode_image
from shared.retrieval.lifelong.results import LessonReport
from shared.retrieval.lifelong.samples import KNOWN, LESSONS, QUERIES
from shared.retrieval.tabs.lifelong_models import LearnedModels, read_photos
from shared.retrieval.tabs.lifelong_panel import TeachPanel
from shared.retrieval.tabs.lifelong_report import (
    chart_html,
    forgotten_html,
    model_text,
    progress_html,
    report_text,
    results_html,
    samples_html,
    starter_text,
)
from shared.retrieval.tabs.lifelong_run import LessonState, observe_lesson
from shared.ui.batch import PROGRESS
from shared.ui.components.results import download_button, result_file
from shared.ui.errors import user_facing
from shared.ui.events import INFERENCE, Concurrency, on_event
from shared.ui.gallery.gallery_store import VisitorSession
from shared.ui.long_runs import connect_run, stop_file
from shared.ui.search.summary import escape_markdown

#: Lessons take all cores for half a minute.
LESSONS_AT_ONCE = Concurrency("lessons", 1)
TOP_K = 12
FILE_NAME = "taught-model.safetensors"


def lifelong_tab(space: str, visitor: VisitorSession, models: LearnedModels) -> None:
    """Create the tab, which is filled when a visitor opens it.

    Args:
        space: Name of the space, under which calls are counted in /metrics.
        visitor: Session of the page's visitor.
        models: Taught models of all visitors.
    """
    with gr.Tab("Teach it", elem_id="teach") as tab:
        events = LifelongEvents(space, visitor, models, TeachPanel())
    # Not among the lazy tabs, which wait for the network: what is shown first needs none.
    on_event(
        [tab.select],
        user_facing(space)(events.fill),
        [events.panel.is_filled, visitor.session, events.panel.version],
        [*events.panel.filled, *events.panel.outputs],
        concurrency=None,
    )


class LifelongEvents:
    """Events of the tab.

    Args:
        space: Name of the space, under which calls are counted in /metrics.
        visitor: Session of the page's visitor.
        models: Taught models of all visitors.
        panel: Components of the tab.
    """

    def __init__(self, space: str, visitor: VisitorSession, models: LearnedModels, panel: TeachPanel) -> None:
        self._space, self._visitor, self._models, self.panel = space, visitor, models, panel
        self._connect_lesson()
        self._connect_model()
        self._connect_search()

    def fill(self, is_filled: bool, session: str, version: int) -> list[object]:
        """Return what needs no network: the classes, lessons and queries to try, and a taught model."""
        outputs: list[object] = [gr.skip()] * len(self.panel.outputs)
        if is_filled:
            return [*[gr.skip()] * len(self.panel.filled), *outputs]
        samples = self._models.samples(KNOWN)
        if self._models.taught(session) is None:
            outputs[self.panel.outputs.index(self.panel.model)] = starter_text(
                len({sample.label for sample in samples})
            )
        else:  # of an earlier visit
            outputs = self._show(session, version, "")
        return [
            True,
            samples_html(samples),
            samples_html(self._models.samples(LESSONS), "Teach it this"),
            samples_html(self._models.samples(QUERIES), "Search with this photo"),
            *outputs,
        ]

    def _show(
        self, session: str, version: int, report: str, forgotten: str = "", chart: str = ""
    ) -> list[object]:
        """Return the values of the outputs for the present model of a visitor."""
        model = self._models.get(session)
        content = model.save() if model.new_classes else None
        return [
            *("", report, forgotten, chart, gr.Markdown(visible=bool(chart))),
            model_text(model),
            gr.Button(interactive=model.can_undo),
            download_button(content, FILE_NAME),
            version + 1,
        ]

    def _show_state(self, state: LessonState, steps: int) -> list[object]:
        """Return the values of the outputs during a lesson."""
        skipped = [gr.skip()] * 4
        return [progress_html(state), "", "", chart_html(state.curve, steps), gr.skip(), *skipped]

    def _show_no_lesson(self, text: str) -> list[object]:
        """Return the values of the outputs after a lesson that changed nothing."""
        return ["", text, "", "", gr.Markdown(visible=False), *[gr.skip()] * 4]

    def _connect_lesson(self) -> None:
        space, session = self._space, self._visitor.session

        @user_facing(space)
        def teach(
            name: str, paths: list[str], method: str, session: str, version: int, request: gr.Request
        ) -> Iterator[list[object]]:
            yield from self._teach(name, paths, method, session, version, request)

        @user_facing(space)
        def choose_lesson(example: int, event: gr.EventData) -> list[object]:
            label, paths = self._example_files(LESSONS, event.index)
            return [label, paths, example + 1]

        @user_facing(space)
        def take_photo(paths: list[str], path: str | None) -> list[object]:
            return [[*paths, path], None] if path else [gr.skip(), gr.skip()]

        on_event(
            [self.panel.lessons.select],
            choose_lesson,
            [self.panel.example],
            [self.panel.name, self.panel.photos, self.panel.example],
            concurrency=None,
        )
        on_event(
            [self.panel.camera.input],
            take_photo,
            [self.panel.photos, self.panel.camera],
            [self.panel.photos, self.panel.camera],
            concurrency=None,
        )
        connect_run(
            teach,
            [self.panel.name, self.panel.photos, self.panel.method, session, self.panel.version],
            self.panel.outputs,
            start=self.panel.teach,
            stop=self.panel.stop,
            triggers=[self.panel.example.change],
            concurrency=LESSONS_AT_ONCE,
            progress_on=None,
        )

    def _teach(
        self, name: str, paths: list[str], method: str, session: str, version: int, request: gr.Request
    ) -> Iterator[list[object]]:
        """Yield the values of the outputs during and after a lesson."""
        from shared.retrieval.lifelong.search import lesson_settings  # deferred: torch is slow to import

        settings, stop = lesson_settings(1), stop_file(request)
        lessons: list[tuple[LessonReport, list[tuple[str, str]]]] = []

        def run(on_progress: Any, on_recall: Any) -> None:
            if not (name or "").strip():
                raise InputError("Give the new thing a name.")
            images, skipped = read_photos(paths)
            model = self._models.get_to_change(session, "", on_progress)
            labels = [name] * len(images)
            callbacks = {"on_progress": on_progress, "on_recall": on_recall}
            report = model.learn(images, labels, method, settings=settings, **callbacks)
            self._models.keep(model, session)
            lessons.append((report, skipped))

        try:
            for state in observe_lesson(run, stop):
                yield self._show_state(state, settings.steps)
        except StoppedError as error:
            yield self._show_no_lesson(escape_markdown(str(error)))
            return
        except Exception:  # the page shows the reason; the progress bar must not stay
            yield self._show_no_lesson("")
            raise
        finally:
            stop.clear()
        (report, skipped), gallery = lessons[0], self._models.get(session).gallery
        yield self._show(
            session,
            version,
            report_text(report, gallery, skipped),
            forgotten_html(report, gallery),
            chart_html(report.curve, settings.steps),
        )

    def _connect_model(self) -> None:
        space, session = self._space, self._visitor.session

        @user_facing(space)
        def undo_lesson(session: str, version: int) -> list[object]:
            model = self._models.get_to_change(session)
            model.undo()
            return self._show(session, version, "Undone: the model is as it was before the lesson.")

        @user_facing(space)
        def load_model(
            paths: list[str], session: str, progress: gr.Progress = PROGRESS, version: int = 0
        ) -> list[object]:
            if not paths:
                return [gr.skip()] * (1 + len(self.panel.outputs))
            model = self._models.get_to_change(session, "", partial(_show_progress, progress))
            model.restore(paths[-1])
            self._models.keep(model, session)
            return [None, *self._show(session, version, "Your model is loaded.")]

        on_event([self.panel.undo.click], undo_lesson, [session, self.panel.version], self.panel.outputs)
        on_event(
            [self.panel.saved.upload],
            load_model,
            [self.panel.saved, session, self.panel.version],
            [self.panel.saved, *self.panel.outputs],
            progress_on=self.panel.saved,
        )

    def _connect_search(self) -> None:
        session = self._visitor.session

        # Gradio (6.31) passes the progress bar by its position, so it cannot come last here.
        @user_facing(self._space)
        def search(path: str | None, session: str, progress: gr.Progress = PROGRESS, version: int = 0) -> str:
            if not path:
                return ""
            model = self._models.get(session, "", partial(_show_progress, progress))
            results = [model.search(path, TOP_K)]
            if model.can_compare:
                results.insert(0, model.search(path, TOP_K, before=True))
            return results_html(results, model)

        @user_facing(self._space)
        def choose_query(event: gr.EventData) -> str:
            return self._example_files(QUERIES, event.index)[1][0]

        on_event([self.panel.queries.select], choose_query, [], self.panel.query, concurrency=None)
        on_event(
            [self.panel.query.change, self.panel.version.change],
            search,
            [self.panel.query, session, self.panel.version],
            self.panel.results,
            concurrency=INFERENCE,
        )

    def _example_files(self, group: str, index: object) -> tuple[str, list[str]]:
        """Write the sample photos of one class to files.

        Args:
            group: Group of samples.
            index: Number of the class in the group.

        Returns:
            Name of the class, and paths of its photos.

        Raises:
            InputError: There is no such class.
        """
        samples = self._models.samples(group)
        labels = list(dict.fromkeys(sample.label for sample in samples))
        if not isinstance(index, int) or not 0 <= index < len(labels):
            raise InputError("There is no such sample: please choose another one.")
        label = labels[index]
        images = [sample.image for sample in samples if sample.label == label]
        paths = [
            result_file(encode_image(image), f"{safe_stem(label)} {number}.png")
            for number, image in enumerate(images, start=1)
        ]
        return label, paths


def _show_progress(progress: gr.Progress, share: float, text: str) -> None:
    """Show progress on the bar of an event."""
    progress(share, desc=text)
