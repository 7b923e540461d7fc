"""The tab with the trade-off of the engines: recall against time and memory, measured on this machine."""

from __future__ import annotations

import html
import threading
import weakref
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from shared.core.engines import Engine
from shared.core.models import Lazy
from shared.gallery.gallery import Gallery
from shared.ui.batch import PROGRESS
from shared.ui.components.charts import Dot, scatter_plot
from shared.ui.errors import user_facing
from shared.ui.gallery.gallery_store import VisitorSession
from shared.ui.long_runs import connect_stoppable, stop_file
from shared.ui.tabs import LazyTab

if TYPE_CHECKING:  # needs torch, for which the first page must not wait
    from shared.retrieval.search import ImageSearch
    from shared.retrieval.tradeoff import EngineCost

HINT = (
    "A faster or smaller search may overlook some pictures. How many of the ten nearest ones does it still "
    "find (recall@10), how long does it take, and how much memory does it need? Press the button to measure "
    "every engine on this machine, with your gallery. Engines for large galleries show their worth only "
    "there, so wherever it can be done, made-up pictures are added until there are 20,000.\n\n"
    "The nearest pictures are those of the descriptor. DeepIndex and the histogram compare other things, so "
    "their recall only tells how often they agree with it, not how good they are."
)
HEADINGS = ("", "engine", "recall@10", "ms per search", "bytes per picture", "pictures")
MIN_COST = 1e-4  # the axis of costs is logarithmic


def tradeoff_tab(
    space: str,
    visitor: VisitorSession,
    engines: Mapping[str, Engine[Any]],
    searches: Mapping[str, Lazy[ImageSearch]],
    engine: gr.Dropdown,
) -> LazyTab:
    """Create the tab.

    Args:
        space: Name of the space, under which calls are counted in /metrics.
        visitor: Session of the page's visitor.
        engines: Measured engines by name.
        searches: Search of each engine.
        engine: Menu of the engines, whose choice is marked in the charts.
    """
    measurements: weakref.WeakKeyDictionary[Gallery, tuple[int, Sequence[EngineCost]]] = (
        weakref.WeakKeyDictionary()
    )
    lock = threading.Lock()  # parallel measurements would slow each other down
    with gr.Tab("Trade-off", elem_id="tradeoff") as tab:
        costs = gr.State(())
        gr.Markdown(HINT, elem_classes="is-note")
        button = gr.Button("Measure all engines", variant="primary")
        stop = gr.Button("Stop", size="sm", visible=False)
        charts = gr.HTML(padding=False)

    # Gradio (6.31) finds the request by its type, so each type here must exist when the page runs.
    @user_facing(space)
    def run(session: str, request: gr.Request, progress: gr.Progress = PROGRESS) -> Sequence[Any]:
        from shared.retrieval.tradeoff import measure  # deferred: torch is slow to import

        def report(number: int, total: int) -> None:
            progress((number, total), desc="Measuring", unit="engines")

        gallery = visitor.store.get(session)
        progress(0, desc="Loading the engines")
        with lock:
            version, measured = measurements.get(gallery, (-1, ()))
            if version != gallery.version:
                loaded = {name: searches[name]() for name in engines}
                rows = measure(loaded, gallery, progress=report, stop=stop_file(request))
                version, measured = gallery.version, tuple(rows)
                measurements[gallery] = (version, measured)
        return measured

    def draw(costs: Sequence[EngineCost], engine: str) -> list[str]:
        titles = {name: row.title for name, row in engines.items()}
        return [charts_html(costs, titles, engine)]

    connect_stoppable([button.click], run, [visitor.session], [costs], stop, progress_on=charts)
    return LazyTab(tab, draw, [costs, engine], [charts], [costs.change, engine.change])


def charts_html(costs: Sequence[EngineCost], titles: Mapping[str, str], marked: str) -> str:
    """Return the HTML of two charts and a table of all engines; empty without measurements.

    Args:
        costs: Measurements.
        titles: Titles of the engines by name.
        marked: Name of the engine to mark.
    """
    if not costs:
        return ""
    time, memory = (
        scatter_plot(
            [
                Dot(titles[cost.engine], max(value, MIN_COST), cost.recall, cost.engine == marked)
                for cost, value in zip(costs, values, strict=True)
            ],
            label,
            "recall@10",
            caption=caption,
        )
        for values, label, caption in (
            ([cost.ms_per_query for cost in costs], "milliseconds per search", "Recall against time"),
            ([cost.bytes_per_image for cost in costs], "bytes per picture", "Recall against memory"),
        )
    )
    return f'<div class="is-charts">{time}{memory}</div>{_table_html(costs, titles, marked)}'


def _table_html(costs: Sequence[EngineCost], titles: Mapping[str, str], marked: str) -> str:
    rows = [f"<tr>{''.join(f'<th>{heading}</th>' for heading in HEADINGS)}</tr>"]
    for number, cost in enumerate(costs, 1):
        cells = (
            str(number),
            titles[cost.engine],
            f"{cost.recall:.3f}",
            f"{cost.ms_per_query:.3g}",
            f"{cost.bytes_per_image:,.0f}",
            f"{cost.images:,}",
        )
        mark = ' class="is-marked"' if cost.engine == marked else ""
        rows.append(f"<tr{mark}>{''.join(f'<td>{html.escape(cell)}</td>' for cell in cells)}</tr>")
    return f'<div class="is-figures"><table>{"".join(rows)}</table></div>'
