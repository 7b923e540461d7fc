"""The frame of a page: blocks, header, and "How it works" with the measured figures."""

import html
from collections.abc import Sequence
from pathlib import Path

import gradio as gr

from shared.publishing.results import read_headline, read_results
from shared.publishing.tables import headline_table
from shared.ui.arguments.blocks import CheckedBlocks

CACHE_SECONDS = 3600  # age at which uploads and results are deleted
WEIGHTS = Path(__file__).resolve().parents[2] / "weights"


def page(title: str) -> gr.Blocks:
    """Return empty blocks without analytics, whose old files are deleted every ten minutes."""
    return CheckedBlocks(title=title, analytics_enabled=False, delete_cache=(600, CACHE_SECONDS))


def header(title: str, text: str) -> None:
    """Create the header of a page.

    Args:
        title: Name of the page.
        text: One or two plain sentences about its use for a visitor.
    """
    content = f"<h1>{html.escape(title)}</h1><p>{html.escape(text)}</p>"
    gr.HTML(f'<div class="is-header">{content}</div>', padding=False)


def how_it_works(folder: Path, weights: Sequence[str] = ()) -> None:
    """Create the folded part below a tool: figure, idea and paper of the method, and measured figures.

    Args:
        folder: Folder of the space, with `method.svg`, a drawing in `currentColor` for light and dark, and
            `method.md`, an explanation for readers from outside the field that names the paper.
        weights: Names in `weights/` whose measured figures are shown, as far as there are any.
    """
    with gr.Accordion("How it works", open=False):
        figure = (folder / "method.svg").read_text(encoding="utf-8")
        gr.HTML(f'<div class="is-figure" tabindex="0">{figure}</div>', padding=False)
        gr.Markdown((folder / "method.md").read_text(encoding="utf-8"))
        tables = measured(weights)
        if tables:
            gr.Markdown(tables, elem_classes="is-measured")


def measured(weights: Sequence[str]) -> str:
    """Return the tables of the model cards in Markdown; empty without figures.

    Args:
        weights: Names of folders in `weights/`.
    """
    tables = []
    for folder in (WEIGHTS / name for name in weights):
        headline = read_headline(folder)
        if headline:
            tables.append(f"**Measured: {folder.name}**\n\n{headline_table(read_results(folder), headline)}")
    return "\n\n".join(tables)
