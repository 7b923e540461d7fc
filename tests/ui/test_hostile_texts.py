"""Texts of visitors in Markdown and HTML: names, queries and reasons appear as they were typed."""

import asyncio
import html
import re
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from markdown_it import MarkdownIt
from PIL import Image

from shared.crossmodal.explanation.result import MatchExplanation, WordContribution
from shared.crossmodal.tabs.describe import sentence_chart
from shared.crossmodal.tabs.word_heatmaps import deletion_summary, word_buttons
from shared.gallery.results import Hit, SearchResults
from shared.retrieval.tabs.lifelong_report import report_text
from shared.ui.batch import _report
from shared.ui.components.charts import Bar, Dot, Line, bar_chart, line_chart, scatter_plot
from shared.ui.gallery.tab import _report_html
from shared.ui.gallery.upload_report import UploadReport
from shared.ui.page import page
from shared.ui.search.image_grid import GridImage, grid_heading, grid_message, image_grid_html
from shared.ui.search.summary import escape_markdown, summarize

TEXT = (
    "**bold** <img src=x onerror=alert(1)> [a](http://b) `c` _d_ $$e$$ ~~f~~ &lt;g http://h www.i.org j@k.org"
)


def rendered(markdown):
    """Return the HTML of Markdown with GitHub's extensions, as a browser shows it."""
    return MarkdownIt("gfm-like", {"linkify": False}).render(markdown)


def explanation():
    heatmap = np.zeros((2, 2), np.float32)
    words = [WordContribution(TEXT, 0.5, heatmap, is_content) for is_content in (True, False)]
    return MatchExplanation(Image.new("RGB", (8, 8)), heatmap, words, 0.9, 0.8, 0.1, 0.7, "e", TEXT)


def results():
    hit = Hit(0, TEXT, 0.5, 1)
    return SearchResults((hit,), None, "e", 1, 0.1, 0.1, unknown_words=(TEXT,), hint=TEXT, read_as=TEXT)


def lesson():
    report = SimpleNamespace(classes=(TEXT,), forgotten=(), curve=[SimpleNamespace(old=None)])
    gallery = SimpleNamespace(labels=[TEXT], count_right=lambda names: (1, 1))
    return report, gallery


@pytest.mark.parametrize(
    "markdown",
    [
        escape_markdown(TEXT),
        f"**Why {escape_markdown(TEXT)}?** Because.",
        deletion_summary(explanation()),
        summarize(results()),
        report_text(*lesson(), [(TEXT, TEXT)]),
    ],
)
def test_markdown_shows_texts_as_they_were_typed(markdown):
    shown = rendered(markdown)
    assert html.escape(TEXT, quote=False) in shown
    assert not re.search("<(img|a|code|em|s|del)[ >]", shown)
    assert "$$" not in markdown  # which Gradio shows as a formula
    assert not re.search(r"http://|www\.|j@k", markdown)  # which browsers would show as links


@pytest.mark.parametrize(
    "shown",
    [
        word_buttons(explanation()),
        sentence_chart(SimpleNamespace(sentences=[SimpleNamespace(text=TEXT, probability=0.5)])),
        bar_chart([Bar(TEXT, 0.5, TEXT)], TEXT),
        line_chart([Line(TEXT, [(0.0, 0.0), (1.0, 1.0)])], TEXT, TEXT, x_range=(0, 1), y_range=(0, 1)),
        scatter_plot([Dot(TEXT, 1.0, 1.0)], TEXT, TEXT),
        grid_heading(TEXT),
        grid_message(TEXT),
        _report_html(UploadReport("k", (), ((TEXT, TEXT),))),
        _report(None, [(TEXT, TEXT)]),
    ],
)
def test_html_shows_texts_as_they_were_typed(shown):
    assert "<img" not in shown
    assert html.escape(TEXT, quote=False).split("&amp;")[0] in shown


def test_tiles_show_names_as_they_were_typed(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg")
    tile = GridImage(0, TEXT, (tmp_path / "a.jpg").read_bytes(), TEXT, note=TEXT)
    shown = image_grid_html([tile], press=TEXT, button=TEXT)
    assert shown.count("<img") == 1
    assert "onerror=alert(1)&gt;" in shown


@pytest.mark.parametrize(
    ("visibility", "shown"), [("private", html.escape(TEXT, quote=False)), ("public", TEXT)]
)
def test_messages_of_pages_show_texts_as_they_were_typed(visibility, shown):
    def fail():
        raise gr.Error(TEXT, print_exception=False)

    with page("Test") as demo:
        gr.on([], fail, [], [], api_visibility=visibility)
    with ThreadPoolExecutor(1) as executor, pytest.raises(gr.Error) as raised:
        # on a thread of its own: Playwright's loop may run on this one
        executor.submit(asyncio.run, demo.process_api(0, [])).result()
    assert raised.value.message == shown
