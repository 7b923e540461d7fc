"""A lesson on a page: its progress, its chart, its report in words, and the pictures that a search finds."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

from shared.core.images import encode_image
from shared.retrieval.lifelong.results import LearnedHit, LessonReport, Recall
from shared.retrieval.lifelong.samples import Sample
from shared.retrieval.tabs.lifelong_run import LessonState
from shared.ui.components.charts import Line, line_chart
from shared.ui.search.image_grid import GridImage, grid_message, image_grid_html
from shared.ui.search.summary import escape_markdown

if TYPE_CHECKING:  # these bring torch
    from shared.retrieval.lifelong.gallery import LearnedGallery
    from shared.retrieval.lifelong.search import LifelongSearch

MAX_FORGOTTEN = 24  # pictures that are shown
MAX_NAMES = 5  # of new classes that are listed
CAPTION = "Photos that find their own kind, in percent"
MEASURE = (
    "A photo finds its kind if the most similar other photo shows the same. Every fourth of the new photos "
    "was not learned from, and the new ones are measured with these."
)


def starter_text(count: int) -> str:
    """Return the sentence about the starter model, which knows `count` classes."""
    return f"The model knows these {count} fruits and vegetables. Teach it another one, or anything else."


def model_text(model: LifelongSearch) -> str:
    """Return Markdown about what a model knows."""
    names = model.new_classes
    if not names:
        return starter_text(len(model.classes))
    listed = [f"**{escape_markdown(name)}**" for name in names[-MAX_NAMES:]]
    if len(names) > MAX_NAMES:
        listed.insert(0, f"{len(names) - MAX_NAMES} more")
    old = len(model.classes) - len(names)
    return f"The model knows {old} fruits and vegetables, and it has learned {_enumerate(listed)}."


def progress_html(state: LessonState) -> str:
    """Return the HTML of a progress bar."""
    percent = round(100 * state.share)
    text = html.escape(state.text)
    return (
        f'<div class="is-progress"><p>{text} … {percent}%</p>'
        f'<progress max="100" value="{percent}" aria-label="{text}"></progress></div>'
    )


def chart_html(curve: Sequence[Recall], steps: int) -> str:
    """Return the HTML of the recall of the old and the new classes during a lesson.

    Args:
        curve: Recall so far.
        steps: Steps of the whole lesson.
    """
    old = [(float(recall.step), 100 * recall.old) for recall in curve if recall.old is not None]
    new = [(float(recall.step), 100 * recall.new) for recall in curve if recall.new is not None]
    lines = [
        Line(f"{name}: {points[-1][1]:.0f}%", points, marked)
        for name, points, marked in (("old ones", old, False), ("new one", new, True))
        if points
    ]
    return line_chart(
        lines, "steps of the lesson", "percent", x_range=(0, steps), y_range=(0, 100), caption=CAPTION
    )


def found_counts(report: LessonReport, gallery: LearnedGallery) -> dict[str, list[int]]:
    """Return how many photos find their kind after a lesson, and how many there are.

    Args:
        report: Report of the lesson.
        gallery: Gallery after it.

    Returns:
        Two numbers each for the `new` and the `old` classes.
    """
    old_names = set(gallery.labels) - {"", *report.classes}
    return {
        "new": list(gallery.count_right(report.classes)),
        "old": list(gallery.count_right(old_names)),
    }


def report_text(report: LessonReport, gallery: LearnedGallery, skipped: Sequence[tuple[str, str]]) -> str:
    """Return Markdown that says what a lesson brought.

    Args:
        report: Report of the lesson.
        gallery: Gallery after it.
        skipped: Name and reason of each file that was no photo.
    """
    counts = found_counts(report, gallery)
    (new, new_total), (old, old_total) = counts["new"], counts["old"]
    names = _enumerate([f"**{escape_markdown(name)}**" for name in report.classes])
    share = f"{new} of {new_total}" if 0 < new < new_total else "the"
    text = f"It {'now finds' if new else 'does not find'} {share} {names} photos"
    forgotten, before = len(report.forgotten), report.curve[0].old
    gained = 0
    if old_total and before is not None:
        earlier = round(before * old_total)
        gained = old - earlier + forgotten
        text += f", and of the {old_total} old ones it still finds {old} ({earlier} before the lesson)"
    if forgotten:
        others = f", while {gained} {_were(gained)} not found before" if gained > 0 else ""
        text += f"; {forgotten} {_were(forgotten)} forgotten{others}:"
    else:
        text += "; nothing was forgotten."
    if skipped:
        files = "1 file was" if len(skipped) == 1 else f"{len(skipped):,} files were"
        text = f"{files} left out: {escape_markdown(skipped[0][1])}\n\n{text}"
    return text


def forgotten_html(report: LessonReport, gallery: LearnedGallery) -> str:
    """Return the HTML of the forgotten images, each with the class that it is taken for."""
    nearest = gallery.nearest()
    labels = gallery.labels
    return _small_tiles(
        [
            GridImage(id, labels[id], gallery.images[id].thumbnail, note=f"now {labels[nearest[id]]}")
            for id in report.forgotten[:MAX_FORGOTTEN]
        ]
    )


def samples_html(samples: Sequence[Sample], press: str = "") -> str:
    """Return the HTML of one photo of each class; their ids count from 0.

    Args:
        samples: The photos, by class.
        press: Tooltip for a press on one; without it, they cannot be pressed.
    """
    images: dict[str, Sample] = {}
    for sample in samples:
        images.setdefault(sample.label, sample)
    return _small_tiles(
        [
            GridImage(id, sample.label, encode_image(sample.image, "JPEG", quality=85))
            for id, sample in enumerate(images.values())
        ],
        press,
    )


def results_html(results: Sequence[Sequence[LearnedHit]], model: LifelongSearch) -> str:
    """Return the HTML of the hits of one or two searches, next to each other.

    Args:
        results: Hits of the present model, preceded by those of the model before the lesson if there was one.
        model: The present model.
    """
    gallery = model.gallery
    columns = []
    titles = ("Before the lesson", "After the lesson") if len(results) == 2 else ("",)
    for title, hits in zip(titles, results, strict=True):
        images = [
            GridImage(hit.id, hit.label or hit.name, gallery.images[hit.id].thumbnail, f"{hit.score:.2f}")
            for hit in hits
            if hit.id < len(gallery.images)  # a lesson may just have been undone
        ]
        heading = f"<h4>{title}</h4>" if title else ""
        tiles = _small_tiles(images) if images else grid_message("There are no pictures to search.")
        columns.append(f"<section>{heading}{tiles}</section>")
    return f'<div class="is-columns">{"".join(columns)}</div>'


def _small_tiles(images: Sequence[GridImage], press: str = "") -> str:
    return f'<div class="is-small-tiles">{image_grid_html(images, press=press)}</div>' if images else ""


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _enumerate(parts: Sequence[str]) -> str:
    """Return parts as a list in words.

    >>> _enumerate(["kiwi", "fig", "date"])
    'kiwi, fig and date'
    """
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else "".join(parts)
