"""What of a gallery matches a photo: the grid of matches, more like one of them, and why one was found."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from shared.core import weights
from shared.core.devices import Resident
from shared.core.gallery import Gallery
from shared.core.images import open_image, safe_stem
from shared.ui.box import parse_box
from shared.ui.engines import engine_menu
from shared.ui.galleries import Visit
from shared.ui.guard import friendly
from shared.ui.page import react
from shared.ui.results import result_file, shown
from shared.ui.tiles import Tile, empty, grid, heading, tiles
from shared.ui.views import View

FIRST = 24  # pictures of the gallery that stand in for matches before there is a photo
MORE = "More like this"
HINT = "Choose a photo, or press one of these pictures: what looks like it appears here."
NOTHING = "Nothing in the gallery has this score or a higher one: lower the lowest score."
EMPTY = "The gallery is empty: add pictures under “Gallery”, or go back to the sample photos there."
NO_THRESHOLD = "Best first; this engine's scores do not tell a good match from a bad one."

_SHOW = """() => setTimeout(
    () => document.querySelector('.is-why')?.scrollIntoView({block: 'nearest', behavior: 'smooth'}), 100
)"""


def search_settings(engines: Mapping[str, Any]) -> list[Any]:
    """The engine menu and, folded, how many matches there are and which are left out.

    Args:
        engines: The engines by name.

    Returns:
        The components for the engine, the count, the lowest score and whether to hide near duplicates: the
        settings of `matches` and of an endpoint that searches.
    """
    engine = engine_menu(engines)
    with gr.Accordion("Settings", open=False):
        count = gr.Slider(1, 100, 24, step=1, label="Matches", info="How many are shown at most")
        least = gr.Slider(0, 1, 0, step=0.01, label="Lowest score", info="Leaves out what scores lower")
        hide = gr.Checkbox(label="Hide near duplicates", info="Of pictures nearly the same shows one")
    return [engine, count, least, hide]


def search(doers: Mapping[str, Resident], gallery: Gallery, picture: Any, box: Any, *settings: Any) -> Any:
    """Search a gallery.

    Args:
        doers: From `residents`, by engine; each is called with the picture, the box, the count, the lowest
            score, whether to hide near duplicates, and the gallery.
        gallery: What is searched.
        picture: A picture, or the id of one of the gallery, for which the doer's method `like` is called.
        box: The part of the picture to search with, or None.
        *settings: Values of `search_settings`.

    Returns:
        The results: `hits` (with `id`, `name`, `score` and `alike`), `good`, `threshold`, `searched`,
        `seconds` and `search_seconds`.
    """
    engine, count, least, hide = settings
    doer, rest = doers[engine](), (int(count), least or None, hide, gallery)
    return doer.like(picture, *rest) if isinstance(picture, int) else doer(picture, box, *rest)


def matches(
    space: str,
    visit: Visit,
    engines: Mapping[str, Any],
    doers: Mapping[str, Resident],
    image: gr.Image,
    box: gr.Textbox,
    settings: Sequence[Any],
) -> View:
    """Make the tab that shows what matches the photo. A press on a match searches with it.

    Args:
        space: The space's name, for the counts.
        visit: What the page keeps of its visitor.
        engines: The engines by name.
        doers: See `search`. Their method `explain` takes the picture, the id of a match, the box and the
            gallery; what it returns has `pairs` of regions and a method `picture`.
        image: The photo, from `photo()` with the class `is-boxed`.
        box: From `box_on`.
        settings: From `search_settings`.

    Returns:
        The tab's view, for `show_open`.
    """
    galleries, rates = visit.galleries, {name: false_accepts(engine) for name, engine in engines.items()}
    with gr.Tab("Matches", elem_id="matches") as tab:
        chosen = gr.State(None)  # the picture of the gallery that is the photo, if it is one
        words = gr.Markdown(HINT, elem_classes="is-note")
        with gr.Column(visible=False, elem_classes="is-why") as panel:
            title = gr.Markdown()
            reason = gr.Image(interactive=False, buttons=["fullscreen", "download"], show_label=False)
            close = gr.Button("Close", size="sm")
        found_grid = grid()

    @friendly(space)
    def show(
        image: str | None, box: str, chosen: int | None, session: str, version: int, *settings: Any
    ) -> list:
        pictures = galleries.seen(session)
        closed = gr.Column(visible=False)
        if not len(pictures):
            return ["", closed, empty(EMPTY)]
        if not image:
            rows = [Tile(entry.id, entry.name, entry.thumbnail) for entry in pictures.entries[:FIRST]]
            return [HINT, closed, tiles(rows, press=MORE)]
        if not box and _is(image, chosen, pictures):
            found = search(doers, pictures, chosen, None, *settings)
        else:
            picture = open_image(image)
            found = search(doers, pictures, picture, parse_box(box, picture.size), *settings)
        return [_words(found, rates[settings[0]]), closed, _grid(found, pictures)]

    @friendly(space)
    def more(session: str, event: gr.EventData) -> list[Any]:
        entry = galleries.entry(galleries.seen(session), event.index)
        return [result_file(entry.thumbnail, f"{safe_stem(entry.name)}.jpg"), entry.id]

    @friendly(space)
    def why(image: str | None, box: str, session: str, engine: str, event: gr.EventData) -> list[Any]:
        picture, pictures = open_image(image), galleries.seen(session)
        entry = galleries.entry(pictures, event.index)
        found = doers[engine]().explain(picture, entry.id, parse_box(box, picture.size), pictures)
        return [gr.Column(visible=True), _reason(entry.name, len(found.pairs)), shown(found.picture(), "why")]

    react([found_grid.select], more, [visit.session], [image, chosen])
    react([found_grid.click], why, [image, box, visit.session, settings[0]], [panel, title, reason])
    react([close.click], lambda: gr.Column(visible=False), [], panel)
    reason.change(None, js=_SHOW)
    inputs = [image, box, chosen, visit.session, visit.version, *settings]
    return View(tab, show, inputs, [words, panel, found_grid], [box.change])


def false_accepts(engine: Any) -> float | None:
    """How many searches for something that is not there find a good match all the same, 0..1.

    It was measured when the threshold was set, and stands with it in the weights' configuration; None where
    it does not.
    """
    try:
        return weights.read_config(weights.find(engine.weights)).get("false_accepts")
    except (weights.WeightsError, TypeError):  # without weights, or with none at all
        return None


def as_json(found: Any) -> dict[str, Any]:
    """The results of a search as plain values."""
    hits = [
        {"rank": hit.rank, "id": hit.id, "name": hit.name, "score": round(hit.score, 4), "alike": hit.alike}
        for hit in found.hits
    ]
    return {
        "matches": hits,
        "good": found.good,
        "threshold": None if found.threshold is None else round(found.threshold, 4),
        "engine": found.engine,
        "searched": found.searched,
        "seconds": round(found.seconds, 3),
    }


def as_pictures(found: Any, gallery: Gallery) -> list[tuple[str, str]]:
    """The matches as files for `gr.Gallery`, with captions."""
    entries = {entry.id: entry for entry in gallery.entries}
    return [
        (
            result_file(entries[hit.id].thumbnail, f"{safe_stem(hit.name)}.jpg"),
            f"{hit.rank}. {hit.name}, {hit.score:.3f}",
        )
        for hit in found.hits
        if hit.id in entries
    ]


def _is(image: str, chosen: int | None, gallery: Gallery) -> bool:
    """Whether the photo is that picture of the gallery."""
    if chosen is None or chosen not in gallery:
        return False
    return Path(image).read_bytes() == gallery.entry(chosen).thumbnail


def _reason(name: str, pairs: int) -> str:
    """What stands above the picture of a reason."""
    name = re.sub(r"([\\`*_{}\[\]()#<>!|])", r"\\\1", name)  # no markup of Markdown's
    words = "The numbered regions count most; heat shows all that counts." if pairs else "Nothing stands out."
    return f"**Why {name}?** {words}"


def _words(found: Any, rate: float | None) -> str:
    """What there is to say of the results in one line."""
    took = f"{found.searched:,} pictures searched in {1000 * found.search_seconds:.1f} ms"
    looked = found.seconds - found.search_seconds
    took += f", after {looked:.2f} s for a look at the photo." if looked > 0.005 else "."
    if not found.hits:
        return f"{NOTHING} {took}"
    if found.threshold is None:
        return f"{NO_THRESHOLD} {took}"
    also = "" if rate is None else f"; of searches for something that is not there, {rate:.0%} reach that"
    if not found.good:
        best, least = found.hits[0].score, found.threshold
        return f"**No good match.** The best scores {best:.2f}, a good one {least:.2f} or more{also}. {took}"
    good = sum(hit.score >= found.threshold for hit in found.hits)
    count = f"**{good} good {'match' if good == 1 else 'matches'}**"
    return f"{count}: {found.threshold:.2f} or more{also}. {took}"


def _grid(found: Any, gallery: Gallery) -> str:
    entries = {entry.id: entry for entry in gallery.entries}
    hits = [hit for hit in found.hits if hit.id in entries]  # one may have been removed this very moment
    if not hits:
        return empty(NOTHING)
    full = max(1.0, hits[0].score)
    rows = [
        Tile(
            hit.id,
            hit.name,
            entries[hit.id].thumbnail,
            f"{hit.score:.2f}",
            hit.score / full,
            f"and {hit.alike} nearly the same" if hit.alike else "",
        )
        for hit in hits
    ]
    words = {"press": MORE, "button": "Why?"}
    if found.threshold is None:
        return tiles(rows, **words)
    good = sum(hit.score >= found.threshold for hit in hits)
    parts = [tiles(rows[:good], **words)] if good else []
    if rows[good:]:
        parts += [heading("Less alike, probably something else"), tiles(rows[good:], faint=True, **words)]
    return "".join(parts)
