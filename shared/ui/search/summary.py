"""The results of a search in a few sentences for the visitor."""

import re
from collections import Counter
from collections.abc import Sequence

from shared.core.calibration import ConfidenceBands
from shared.gallery.results import Hit, SearchResults

NO_HITS = "No picture reaches the lowest score that you have set. Lower it under “Settings” to see more."
UNCALIBRATED = "The best come first. These scores only rank the pictures; they don't say how good a match is."
FALSE_ACCEPT_NOTE = "Now and then this is wrong: with nothing of the kind in the gallery"
MAX_WORDS = 5  # unknown words in one sentence


def summarize(results: SearchResults) -> str:
    """Return Markdown that says how good the hits are, how reliable that is, and how long it took."""
    hint = escape_markdown(results.hint)
    parts = [
        _verdict(results),
        f"Read as: {escape_markdown(results.read_as)}." if results.read_as else "",
        hint,
        _unknown_words(results.unknown_words),
        _time(results),
    ]
    return " ".join(part for part in parts if part)


def count_good(hits: Sequence[Hit], threshold: float) -> int:
    """Return the number of hits whose ranking score reaches the threshold."""
    return sum(hit.ranking_score >= threshold for hit in hits)


def escape_markdown(text: str) -> str:
    r"""Return a visitor's text for a line of Markdown, which shows it as it was typed.

    >>> print(escape_markdown("a*b.jpg, see http://c"))
    a\*b.jpg, see http\://c
    """
    text = re.sub(r"([\\`*_{}\[\]()#<>!|&~$@]|:(?=//))", r"\\\1", " ".join(text.split()))
    return re.sub(r"(?i)\b(www)(?=\.)", r"\1\\", text)


def _verdict(results: SearchResults) -> str:
    hits, threshold = results.hits, results.threshold
    if not hits:
        return NO_HITS
    if threshold is None:
        return UNCALIBRATED
    if results.confidence_bands is not None:
        return _band_verdict(hits, results.confidence_bands)
    good = count_good(hits, threshold)
    if hits[0].probability is None:
        limit, best = f"a score of {threshold:.2f} or more", f"The best score is {hits[0].score:.2f}"
    else:
        limit, best = f"{threshold:.0%} likely or more", f"The best one is {hits[0].probability:.0%} likely"
    if not good and results.possible_match:
        return f"**Perhaps a match.** {best}; a good one would be {limit}."
    if not good:
        return (
            f"**Nothing here seems to fit.** {best}; a good one would be {limit.removeprefix('a score of ')}."
        )
    verdict = f"**{good} good {'match' if good == 1 else 'matches'}** ({limit})."
    if results.false_accept_rate is not None:
        verdict += f" {FALSE_ACCEPT_NOTE}, {_per_100(results.false_accept_rate)} still find a good match."
    return verdict


def _band_verdict(hits: Sequence[Hit], bands: ConfidenceBands) -> str:
    """Return the number of hits in each confidence band, and how often that is right."""
    counts = Counter(bands.name(hit.verdict_score) for hit in hits)
    present = [band for band in bands.bands if counts[band.name]]
    if not present:
        best, lowest = max(hits[0].score, 0.0), bands.bands[-1]
        return (
            f"**Nothing in the gallery looks like it.** The best score is {best:.2f}; from "
            f"{lowest.min_score:.2f} on we would say “{lowest.name}”."
        )
    parts = [f"{band.name}: {counts[band.name]}" for band in present]
    verdict = f"**{', '.join(parts).capitalize()}.**"
    rates = [
        f"{100 * band.precision:.0f} of 100 called “{band.name}”"
        for band in present
        if band.precision is not None
    ]
    return f"{verdict} In our tests this was right for {' and '.join(rates)}." if rates else verdict


def _per_100(rate: float) -> str:
    return f"{100 * rate:.0f} of 100 searches"


def _unknown_words(words: Sequence[str]) -> str:
    if not words:
        return ""
    listed = ", ".join(escape_markdown(word) for word in words[:MAX_WORDS])
    if len(words) > MAX_WORDS:
        listed += f" and {len(words) - MAX_WORDS} more"
    return f"Some words are new here, so their meaning is guessed from the spelling: {listed}."


def _time(results: SearchResults) -> str:
    noun = "picture" if results.searched == 1 else "pictures"
    search = f"{_duration(results.search_seconds)} to search {results.searched:,} {noun}"
    encoding = results.seconds - results.search_seconds
    if encoding <= 0.005:
        return f"It took {search}."
    return f"It took {encoding:.2f} s to understand your query and {search}."


def _duration(seconds: float) -> str:
    """Return seconds, or milliseconds where two decimals of a second would show next to nothing."""
    return f"{seconds:.2f} s" if seconds >= 0.095 else f"{1000 * seconds:.1f} ms"
