"""Frame of a space's page: blocks, header, "How it works", and the settings of its server."""

import html
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from shared.core.images import MAX_BYTES
from shared.publishing import cards
from shared.ui.theme import CSS, theme

HOUR = 3600
WEIGHTS = Path(__file__).resolve().parents[2] / "weights"


def page(title: str) -> gr.Blocks:
    """Empty blocks as every page needs them: no analytics, and old files are swept away every ten minutes."""
    return gr.Blocks(title=title, analytics_enabled=False, delete_cache=(600, HOUR))


def server_settings() -> dict[str, Any]:
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
    demo.queue(max_size=queue_size()).launch(**server_settings())


def header(title: str, text: str) -> None:
    """The page's name and one or two plain sentences about what it does for a visitor."""
    words = f"<h1>{html.escape(title)}</h1><p>{html.escape(text)}</p>"
    gr.HTML(f'<div class="is-header">{words}</div>', padding=False)


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
