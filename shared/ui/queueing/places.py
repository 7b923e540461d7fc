"""Places in the queue: in all, and for one address; and the sentences for calls beyond them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

SHARE = 4  # an address has at most every fourth place, but at least two
MIN_PLACES = 2
MIN_SECONDS, MAX_SECONDS = 5, 600  # after which to try again; many of those that wait leave before


@dataclass(frozen=True)
class Refusal:
    """Answer to a call for which there is no place.

    Attributes:
        status: Status of HTTP.
        sentence: Text for the visitor.
        seconds: Time after which to try again.
    """

    status: int
    sentence: str
    seconds: int


def places_per_address(max_size: int) -> int:
    """Return the number of calls of one address that may wait.

    >>> places_per_address(32), places_per_address(4)
    (8, 2)
    """
    return max(MIN_PLACES, max_size // SHARE)


def refusal(addresses: Iterable[str], address: str, max_size: int, wait: float) -> Refusal | None:
    """Return the answer to a call for which there is no place, or None.

    Args:
        addresses: Addresses of the calls that wait.
        address: Address of the new call.
        max_size: Number of calls that may wait in all.
        wait: Seconds after which those that wait now are likely to be done.
    """
    addresses = list(addresses)
    seconds = min(max(MIN_SECONDS, round(wait)), MAX_SECONDS)
    again = f"please try again in about {duration(seconds)}"
    if len(addresses) >= max_size:
        return Refusal(
            503, f"{_calls(len(addresses))} waiting already, as many as there is room for: {again}.", seconds
        )
    own = addresses.count(address)
    if own >= places_per_address(max_size):
        return Refusal(
            429,
            f"{_calls(own)} waiting already from your address, its share of the queue: {again}, or wait for "
            "their results first.",
            seconds,
        )
    return None


def duration(seconds: float) -> str:
    """Return a time in words, rounded as people do.

    >>> duration(4), duration(70), duration(100)
    ('5 seconds', 'a minute', '2 minutes')
    """
    if seconds < 50:
        return f"{max(MIN_SECONDS, round(seconds / 5) * 5)} seconds"
    minutes = round(seconds / 60)
    return "a minute" if minutes == 1 else f"{minutes} minutes"


def _calls(count: int) -> str:
    return "One call is" if count == 1 else f"{count} calls are"
