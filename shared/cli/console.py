"""Output of a command: results on stdout; errors, notes and progress on stderr."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator
from typing import Any, TextIO

from shared.core.file_names import display_name

PROGRAM = "image-spaces"
MAX_MESSAGE = 500  # characters


class Console:
    """Writer of results and messages.

    Args:
        quiet: True leaves out notes and progress.
        null: True ends each result with a zero byte in place of a new line, for `xargs -0`.
        json_lines: True writes each result as a JSON object on a line of its own.
    """

    def __init__(self, *, quiet: bool = False, null: bool = False, json_lines: bool = False) -> None:
        self.quiet, self.null, self.json_lines = quiet, null, json_lines
        self._bar: Any = None
        self._started = time.monotonic()

    def result(self, text: str, values: dict[str, Any]) -> None:
        """Write a result.

        Args:
            text: Text for people and for other programs.
            values: The same as plain values, written instead of the text as JSON.
        """
        if self.json_lines:
            text = json.dumps(values, ensure_ascii=False, default=str)
        with self._above_bar():
            sys.stdout.write(text + ("\0" if self.null and not self.json_lines else "\n"))
            sys.stdout.flush()

    def error(self, text: str) -> None:
        """Write why something could not be done, in one line."""
        with self._above_bar():
            print(f"{PROGRAM}: {display_name(text, MAX_MESSAGE)}", file=sys.stderr, flush=True)

    def note(self, text: str) -> None:
        """Write something that is good to know, unless it shall be quiet."""
        if not self.quiet:
            self.error(text)

    def advance(self, finished: int, total: int | None) -> None:
        """Show the progress of a run over several items with its speed and the time left.

        On a terminal a bar is drawn; elsewhere nothing is, see `summary`.

        Args:
            finished: Number of finished items; 0 starts the clock.
            total: Number of all items; None if it is unknown.
        """
        if not finished:
            self._started = time.monotonic()
        if self._bar is None:
            if self.quiet or not sys.stderr.isatty() or total == 1:
                return
            from tqdm import tqdm  # deferred: few calls need it

            self._bar = tqdm(
                total=total,
                unit=" pictures",
                file=sys.stderr,
                leave=False,
                dynamic_ncols=True,
                mininterval=0.2,
            )
        if total is not None:
            self._bar.total = total
        self._bar.update(finished - self._bar.n)

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def summary(self, finished: int, failed: int, verb: str) -> None:
        """Write a line about a run over several items.

        Args:
            finished: Number of items that were processed.
            failed: Number of those that could not be used.
            verb: Participle of the work, such as "drawn".
        """
        self.close()
        if finished + failed < 2:
            return
        seconds = time.monotonic() - self._started
        failures = f", {failed} skipped" if failed else ""
        speed = f", {finished / seconds:.1f} per second" if finished and seconds >= 1 else ""
        self.note(f"{count(finished, 'picture')} {verb}{failures} in {duration(seconds)}{speed}.")

    @contextlib.contextmanager
    def _above_bar(self) -> Iterator[None]:
        if self._bar is None:
            yield
            return
        with self._bar.external_write_mode(file=sys.stderr):
            yield


def count(number: int, noun: str) -> str:
    """Return a number with its noun.

    >>> count(1, "picture"), count(1200, "picture")
    ('1 picture', '1,200 pictures')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """Return a duration for people.

    >>> duration(3.21), duration(75), duration(7322)
    ('3.2 s', '1 min 15 s', '2 h 2 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, remainder = divmod(round(seconds), 60)
    return f"{minutes} min {remainder} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def open_streams() -> bool:
    """Put empty streams in the place of those that the process was started without, as by `2>&-`.

    Returns:
        False if standard output is missing, where results would be lost; an error says so.
    """
    if sys.stdin is None:
        sys.stdin = open(os.devnull)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    if sys.stdout is None:
        Console().error("Standard output is closed, so that results have nowhere to go.")
        return False
    return True


def use_utf8(stream: TextIO) -> None:
    """Let a stream write any file name: UTF-8, and bytes that are no text as they are."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(encoding="utf-8", errors="surrogateescape")
