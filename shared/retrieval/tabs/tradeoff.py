"""What engines give and what they cost, measured on this machine at the press of a button."""

import html
import threading
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from shared.gallery.gallery import Gallery
from shared.ui.components.charts import Dot, scatter_plot
from shared.ui.errors import user_facing
from shared.ui.events import LONG_RUNNING, on_event
from shared.ui.gallery.gallery_store import VisitorSession
from shared.ui.tabs import LazyTab

HINT = (
    "How much does an engine find of what an exact search finds, how long does it take, and how much memory? "
    "Press the button, and all are measured on this machine, now, with the pictures of your gallery and, "
    "where an engine allows it, thousands of mixtures of them."
)


def tradeoff(
    space: str,
    visit: VisitorSession,
    engine: gr.Dropdown,
    engines: Mapping[str, Any],
) -> LazyTab:
    """Make the tab with the charts of recall against time and memory.

    Args:
        space: The space's name, for the counts.
        visit: What the page keeps of its visitor.
        engine: The engine menu; its engine is marked in the charts.
        engines: The engines by name.
    """
    kept: weakref.WeakKeyDictionary[Gallery, tuple[int, Sequence[Any]]] = weakref.WeakKeyDictionary()
    lock = threading.Lock()  # one measurement at a time, or they would slow each other down
    with gr.Tab("Trade-off", elem_id="tradeoff") as tab:
        rows = gr.State(())
        gr.Markdown(HINT, elem_classes="is-note")
        button = gr.Button("Measure all engines", variant="primary")
        chart = gr.HTML(padding=False)

    @user_facing(space)
    def run(session: str) -> Sequence[Any]:
        from shared.retrieval.tradeoff import measure  # imports torch, for which the first page must not wait

        pictures = visit.store.get(session)
        with lock:
            version, known = kept.get(pictures, (-1, ()))
            if version != pictures.version:
                version = pictures.version
                known = tuple(measure(pictures))
                kept[pictures] = (version, known)
        return known

    def draw(rows: Sequence[Any], engine: str) -> list[str]:
        return [charts(rows, engines, engine)]

    on_event([button.click], run, [visit.session], rows, concurrency=LONG_RUNNING)
    return LazyTab(tab, draw, [rows, engine], [chart], [rows.change, engine.change])


def charts(rows: Sequence[Any], engines: Mapping[str, Any], current: str) -> str:
    """Two charts and a table of all engines, the current one marked.

    Args:
        rows: See `tradeoff`.
        engines: The engines by name.
        current: The name of the one to mark.
    """
    if not rows:
        return ""

    def dots(cost: str) -> list[Dot]:
        return [
            Dot(engines[row.engine].title, max(getattr(row, cost), 1e-4), row.recall, row.engine == current)
            for row in rows
        ]

    time = scatter_plot(dots("ms"), "milliseconds per query", "recall@10", caption="Recall against time")
    memory = scatter_plot(dots("bytes"), "bytes per picture", "recall@10", caption="Recall against memory")
    return f'<div class="is-charts">{time}{memory}</div>{_table(rows, engines, current)}'


def _table(rows: Sequence[Any], engines: Mapping[str, Any], current: str) -> str:
    heads = ("", "engine", "recall@10", "ms per query", "bytes per picture", "pictures")
    lines = [f"<tr>{''.join(f'<th>{word}</th>' for word in heads)}</tr>"]
    for number, row in enumerate(rows, 1):
        cells = (
            str(number),
            engines[row.engine].title,
            f"{row.recall:.3f}",
            f"{row.ms:.3g}",
            f"{row.bytes:,.0f}",
            f"{row.count:,}",
        )
        mark = ' class="is-marked"' if row.engine == current else ""
        lines.append(f"<tr{mark}>{''.join(f'<td>{html.escape(cell)}</td>' for cell in cells)}</tr>")
    return f'<div class="is-figures"><table>{"".join(lines)}</table></div>'
