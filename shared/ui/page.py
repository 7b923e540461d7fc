"""The frame of a space's page: blocks, header, events, endpoints, "How it works", and how it is served."""

import html
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from shared.core.devices import LANE
from shared.core.images import MAX_BYTES
from shared.publishing import cards
from shared.ui.theme import CSS, theme

HOUR = 3600
WEIGHTS = Path(__file__).resolve().parents[2] / "weights"


def page(title: str) -> gr.Blocks:
    """Empty blocks as every page needs them: no analytics, and old files are swept away every ten minutes."""
    return gr.Blocks(title=title, analytics_enabled=False, delete_cache=(600, HOUR))


def serving() -> dict[str, Any]:
    """Settings for `launch()` and `mount_gradio_app()` alike: look, limits, nothing recorded, MCP on."""
    return {
        "theme": theme(),
        "css": CSS,
        "max_file_size": MAX_BYTES,
        "footer_links": ["api", "settings"],
        "run_history": False,
        "enable_monitoring": False,
        "show_error": False,
        "mcp_server": True,
        "pwa": False,
        "ssr_mode": False,
    }


def queue_size() -> int:
    """How many calls may wait before the next one is turned away: IMAGE_SPACES_QUEUE, or 32."""
    return int(os.environ.get("IMAGE_SPACES_QUEUE", "32"))


def launch(demo: gr.Blocks) -> None:
    """Serve one space by itself, as Hugging Face does. Gradio's environment variables set host and port."""
    demo.queue(max_size=queue_size()).launch(**serving())


def header(title: str, text: str) -> None:
    """The page's name and one or two plain sentences about what it does for a visitor."""
    words = f"<h1>{html.escape(title)}</h1><p>{html.escape(text)}</p>"
    gr.HTML(f'<div class="is-header">{words}</div>', padding=False)


def react(
    triggers: Sequence[Callable],
    function: Callable,
    inputs: Sequence[Any],
    outputs: Any,
    js: str | None = None,
    lane: Mapping[str, Any] = LANE,
    bar: Any = None,
) -> None:
    """Call a function of the page's own, which the API does not list, whenever one of some events happens.

    Args:
        triggers: Events such as `image.change`. While a call runs, only the newest of the next ones waits.
        function: Takes the inputs' values and returns the outputs'.
        inputs: Components to read.
        outputs: Components to fill.
        js: A function that the browser calls before, with the inputs' values; it returns those to send.
        lane: How many calls may run at once; by default one, together with all others that run a network.
        bar: The component that shows the progress; by default all outputs do.
    """
    private = {"api_visibility": "private", "trigger_mode": "always_last"}
    gr.on(triggers, function, list(inputs), outputs, js=js, show_progress_on=bar, **private, **lane)


def endpoint(
    function: Callable,
    inputs: Sequence[Any],
    outputs: Mapping[str, type[Component]],
    lane: Mapping[str, Any] = LANE,
) -> None:
    """Offer a function through the API and as an MCP tool, without a button of its own.

    Args:
        function: Its types and its Google-style docstring are the documentation, its name is the tool's name.
        inputs: The page's components, whose checks, choices and default values the parameters take over.
        outputs: Kind of component by label, one per result. Pictures travel as PNG, so that no pixel changes.
        lane: See `react`.
    """
    exact = {gr.Image: {"format": "png"}, gr.Gallery: {"format": "png"}}
    with gr.Row(visible=False):
        results = [kind(label=label, **exact.get(kind, {})) for label, kind in outputs.items()]
    gr.on([], function, list(inputs), results, **lane)


def how_it_works(folder: Path, weights: Sequence[str] = ()) -> None:
    """The folded part below the tool: the method's figure, the idea, the paper, and the measured figures.

    Args:
        folder: The space's folder. `method.svg` is our own drawing, with `currentColor` for light and dark;
            `method.md` tells a reader from outside the field how it works, and names the paper.
        weights: Names in `weights/` whose model cards hold the measured figures. A card without figures shows
            nothing.
    """
    with gr.Accordion("How it works", open=False):
        figure = (folder / "method.svg").read_text(encoding="utf-8")
        gr.HTML(f'<div class="is-figure">{figure}</div>', padding=False)
        gr.Markdown((folder / "method.md").read_text(encoding="utf-8"))
        table = measured(weights)
        if table:
            gr.Markdown(table, elem_classes="is-measured")


def measured(weights: Sequence[str]) -> str:
    """Markdown tables of the figures in some model cards, one per benchmark; empty when there are none.

    Args:
        weights: Names of folders in `weights/`.
    """
    tables: dict[str, list[cards.Result]] = {}
    for name in weights:
        for result in cards.results(WEIGHTS / name):
            tables.setdefault(f"{result.benchmark} on {result.data}, {result.split}", []).append(result)
    return "\n\n".join(f"**Measured**: {title}\n\n{_table(results)}" for title, results in tables.items())


def _table(results: Sequence[cards.Result]) -> str:
    """Our engines in bold, then the published figures."""
    rows = {f"**{result.engine}, here**": result.metrics for result in results}
    rows |= {f"{name}, published": row for result in results for name, row in result.published.items()}
    metrics = [
        metric
        for metric in dict.fromkeys(key for row in rows.values() for key in row)
        if metric != "threshold"
    ]
    lines = [["", *(metric.replace("_", " ") for metric in metrics)], ["---"] * (len(metrics) + 1)]
    for name, row in rows.items():
        lines.append([name, *(cards.number(row.get(metric)) for metric in metrics)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
