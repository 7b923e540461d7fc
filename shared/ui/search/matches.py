"""What of a gallery fits a query: the grid of matches, more like one of them, and why one was found."""

import html
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from shared.core import weights
from shared.core.confidence import ConfidenceBands
from shared.core.errors import InputError
from shared.core.images import safe_stem
from shared.gallery.gallery import Gallery
from shared.gallery.results import Hit, SearchResults
from shared.ui.components.results import result_file
from shared.ui.errors import user_facing
from shared.ui.events import on_event
from shared.ui.gallery.gallery_store import VisitorSession
from shared.ui.search.confidence import graded_tiles, graded_words
from shared.ui.search.image_grid import Tile, empty, grid, heading, tiles
from shared.ui.tabs import LazyTab

FIRST = 24  # pictures of the gallery that stand in for matches before there is a query
MORE = "More like this"
NOTHING = "Nothing in the gallery has this score or a higher one: lower the lowest score."
EMPTY = "The gallery is empty: add pictures under “Gallery”, or go back to the sample photos there."
NO_THRESHOLD = "Best first; these scores do not tell a good match from a bad one."

_SHOW = """() => setTimeout(
    () => document.querySelector('.is-why')?.scrollIntoView({block: 'nearest', behavior: 'smooth'}), 100
)"""


def matches_tab(
    space: str,
    visit: VisitorSession,
    engines: Mapping[str, Any],
    search: Callable[..., Sequence[SearchResults]],
    inputs: Sequence[Any],
    image: gr.Image,
    reason: Callable[[], tuple[list[Any], Callable[..., list[Any]]]],
    *,
    hint: str,
    title: str = "Matches",
    cleared: Sequence[Any] = (),
    triggers: Sequence[Callable] = (),
) -> LazyTab:
    """Make the tab that shows what fits a query. A press on a match searches with it.

    Args:
        space: The space's name, for the counts.
        visit: What the page keeps of its visitor.
        engines: The engines by name.
        search: Takes the gallery, the id of its picture that is the photo, or None if it is none of them, and
            the inputs' values. Gives the results, those of several engines side by side; none where there is
            nothing to search with.
        inputs: Components of the query and its settings.
        image: The one of them that holds a photo, from `photo()`.
        reason: Makes the components that show why a picture was found, the last of which is a picture. Gives
            them and a function that fills them: from the gallery, the picture's entry, the engine's name and
            the inputs' values.
        hint: What to do first.
        title: What stands on the tab.
        cleared: Inputs that hold texts, which a search with a match empties.
        triggers: Events of the tab's own.

    Returns:
        The tab's view, for `load_open_tab`.
    """
    galleries, rates = visit.galleries, {name: false_accepts(engine) for name, engine in engines.items()}
    with gr.Tab(title, elem_id="matches") as tab:
        chosen = gr.State(None)  # the picture of the gallery that is the photo, if it is one
        words = gr.Markdown(hint, elem_classes="is-note")
        with gr.Column(visible=False, elem_classes="is-why") as panel:
            reasons, explain = reason()
            close = gr.Button("Close", size="sm")
        found_grid = grid()

    place = inputs.index(image)

    @user_facing(space)
    def show(chosen: int | None, session: str, version: int, *values: Any) -> list:
        pictures = galleries.seen(session)
        closed = gr.Column(visible=False)
        if not len(pictures):
            return ["", closed, empty(EMPTY)]
        try:
            found = search(pictures, chosen if _is(values[place], chosen, pictures) else None, *values)
        except (InputError, weights.WeightsError) as error:
            return ["", closed, empty(str(error))]
        if not found:
            rows = [Tile(entry.id, entry.name, entry.thumbnail) for entry in pictures.entries[:FIRST]]
            return [hint, closed, tiles(rows, press=MORE)]
        titles = [engines[one.engine].title for one in found]
        lines = [_words(one, rates[one.engine]) for one in found]
        if len(found) > 1:
            lines = [f"{title}: {line}" for title, line in zip(titles, lines, strict=True)]
        return ["\n\n".join(lines), closed, _side_by_side(found, titles, pictures)]

    @user_facing(space)
    def more(session: str, event: gr.EventData) -> list[Any]:
        entry = galleries.entry(galleries.seen(session), event.index)
        picture = result_file(entry.thumbnail, f"{safe_stem(entry.name)}.jpg")
        return [picture, entry.id, *("" for _ in cleared)]

    @user_facing(space)
    def why(session: str, event: gr.EventData, *values: Any) -> list[Any]:
        pictures = galleries.seen(session)
        entry = galleries.entry(pictures, event.index)
        return [gr.Column(visible=True), *explain(pictures, entry, event.tag, *values)]

    on_event([found_grid.select], more, [visit.session], [image, chosen, *cleared])
    on_event([found_grid.click], why, [visit.session, *inputs], [panel, *reasons])
    on_event([close.click], lambda: gr.Column(visible=False), [], panel)
    reasons[-1].change(None, js=_SHOW)
    return LazyTab(
        tab, show, [chosen, visit.session, visit.version, *inputs], [words, panel, found_grid], triggers
    )


def false_accepts(engine: Any) -> float | None:
    """How many searches for something that is not there find a good match all the same, 0..1.

    It was measured when the threshold was set, and stands with it in the weights' configuration, for all
    engines with these weights or for each by its name; None where it does not.
    """
    try:
        rate = weights.read_config(weights.find(engine.weights)).get("false_accepts")
    except (weights.WeightsError, TypeError):  # without weights, or with none at all
        return None
    return rate.get(engine.name) if isinstance(rate, Mapping) else rate


def as_json(found: SearchResults) -> dict[str, Any]:
    """The results of a search as plain values."""
    told = {
        "matches": [_row(hit, found.grades) for hit in found.hits],
        "good": found.good_match,
        "threshold": None if found.threshold is None else round(found.threshold, 4),
        "engine": found.engine,
        "searched": found.searched,
        "seconds": round(found.seconds, 3),
    }
    if found.grades is not None:
        told["grades"] = [vars(band) for band in found.grades.bands]
    return told | ({"unknown": list(found.unknown_words)} if found.unknown_words else {})


def hit_images(found: SearchResults, gallery: Gallery) -> list[tuple[str, str]]:
    """The matches as files for `gr.Gallery`, with captions."""
    entries = {entry.id: entry for entry in gallery.entries}
    return [
        (
            result_file(entries[hit.id].thumbnail, f"{safe_stem(hit.name)}.jpg"),
            f"{hit.rank}. {hit.name}, {hit.ranking_score:.3f}",
        )
        for hit in found.hits
        if hit.id in entries
    ]


def escape_markdown(text: str) -> str:
    """A text of somebody's own without Markdown's markup.

    >>> unmarked("a*b.jpg")
    'a\\\\*b.jpg'
    """
    return re.sub(r"([\\`*_{}\[\]()#<>!|])", r"\\\1", text)


def _row(hit: Hit, grades: ConfidenceBands | None) -> dict[str, Any]:
    """A hit as plain values."""
    row = {"rank": hit.rank, "id": hit.id, "name": hit.name, "score": round(hit.score, 4), "alike": hit.duplicate_count}
    if grades is not None:
        return {
            **row,
            "grade": grades.name(hit.score),
            "probability": round(grades.probability(hit.score), 4),
        }
    return row if hit.probability is None else {**row, "probability": round(hit.probability, 4)}


def _is(image: str | None, chosen: int | None, gallery: Gallery) -> bool:
    """Whether the photo is that picture of the gallery."""
    if not image or chosen is None or chosen not in gallery:
        return False
    return Path(image).read_bytes() == gallery.entry(chosen).thumbnail


def _words(found: SearchResults, rate: float | None) -> str:
    """What there is to say of the results in one line."""
    took = f"{found.searched:,} pictures searched in {1000 * found.search_seconds:.1f} ms"
    looked = found.seconds - found.search_seconds
    took += f", after {looked:.2f} s for a look at the query." if looked > 0.005 else "."
    if found.unknown_words:
        took += f" Not in the vocabulary, so guessed from their letters: {_listed(found.unknown_words)}."
    if not found.hits:
        return f"{NOTHING} {took}"
    if found.threshold is None:
        return f"{NO_THRESHOLD} {took}"
    if found.grades is not None:
        return f"{graded_words(found.hits, found.grades)} {took}"
    sure = found.hits[0].probability is not None
    best, least = (f"{one:.0%}" if sure else f"{one:.2f}" for one in (found.hits[0].ranking_score, found.threshold))
    also = "" if rate is None else f"; of searches for something that is not there, {rate:.0%} reach that"
    if not found.good_match:
        return f"**No good match.** The best scores {best}, a good one {least} or more{also}. {took}"
    good = sum(hit.ranking_score >= found.threshold for hit in found.hits)
    count = f"**{good} good {'match' if good == 1 else 'matches'}**"
    return f"{count}: {least} or more{also}. {took}"


def _listed(words: Sequence[str], most: int = 5) -> str:
    """Words of a visitor's, not too many."""
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(escape_markdown(word) for word in words[:most]) + more


def _side_by_side(found: Sequence[SearchResults], titles: Sequence[str], gallery: Gallery) -> str:
    """The grids of one or more engines."""
    if len(found) == 1:
        return _grid(found[0], gallery)
    columns = [
        f"<section><h4>{html.escape(title)}</h4>{_grid(one, gallery)}</section>"
        for title, one in zip(titles, found, strict=True)
    ]
    return f'<div class="is-columns">{"".join(columns)}</div>'


def _grid(found: SearchResults, gallery: Gallery) -> str:
    entries = {entry.id: entry for entry in gallery.entries}
    hits = [hit for hit in found.hits if hit.id in entries]  # one may have been removed this very moment
    if not hits:
        return empty(NOTHING)
    full = max(1.0, hits[0].ranking_score)
    rows = [
        Tile(
            hit.id,
            hit.name,
            entries[hit.id].thumbnail,
            f"{hit.score:.2f}" if hit.probability is None else f"{hit.probability:.0%}",
            hit.ranking_score / full,
            f"and {hit.duplicate_count} nearly the same" if hit.duplicate_count else "",
        )
        for hit in hits
    ]
    words = {"press": MORE, "button": "Why?", "tag": found.engine}
    if found.threshold is None:
        return tiles(rows, **words)
    if found.grades is not None:
        return graded_tiles(hits, rows, found.grades, words)
    good = sum(hit.ranking_score >= found.threshold for hit in hits)
    parts = [tiles(rows[:good], **words)] if good else []
    if rows[good:]:
        alike = "Less alike" if hits[0].probability is None else "Less likely"
        parts += [heading(f"{alike}, probably something else"), tiles(rows[good:], faint=True, **words)]
    return "".join(parts)
