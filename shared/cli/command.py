"""Commands of the command line, and the parser of one of them.

A parser is built for the command that was typed only, so that no command waits for the choices of another.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from shared.cli.console import PROGRAM, Console
from shared.cli.errors import UsageError


@dataclass(frozen=True)
class Command:
    """Command of the command line.

    Attributes:
        name: Name, as it is typed.
        group: Heading under which the overview lists it.
        summary: One sentence about it.
        arguments: Arguments that its usage line shows, such as `"PICTURE..."`.
        examples: Commands to learn from, each with a comment of a few words.
        add_arguments: Adds the options; imports their choices.
        run: Runs the command and returns the exit code.
        details: Further sentences for the help.
    """

    name: str
    group: str
    summary: str
    arguments: str
    examples: Sequence[tuple[str, str]]
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, Console], int]
    details: str = ""

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Return the values of arguments.

        Raises:
            UsageError: They do not fit the command.
            SystemExit: The help was printed.
        """
        words = list(arguments)
        if "--" in words:  # the end of the options, which `parse_intermixed_args` of Python 3.11 loses
            position = words.index("--")
            words[position:] = [_hide_hyphen(word) for word in words[position + 1 :]]
        values = self.parser().parse_intermixed_args(words)
        for name, value in vars(values).items():
            if isinstance(value, str):
                setattr(values, name, value.removeprefix(_HIDDEN))
            elif isinstance(value, list):
                setattr(values, name, [word.removeprefix(_HIDDEN) for word in value])
        return values

    def parser(self) -> argparse.ArgumentParser:
        """Return the parser with all options, those that every command has included."""
        parser = _Parser(
            prog=f"{PROGRAM} {self.name}",
            usage=f"{PROGRAM} {self.name} [OPTION...] {self.arguments}".rstrip(),
            description=f"{self.summary} {self.details}".rstrip(),
            epilog=_format_examples(self.examples),
            formatter_class=_HelpFormatter,
            allow_abbrev=False,
        )
        self.add_arguments(parser)
        general = parser.add_argument_group("for every command")
        general.add_argument("-q", "--quiet", action="store_true", help="say nothing but errors on stderr")
        general.add_argument("--debug", action="store_true", help="show the trace of an unexpected error")
        return parser


#: Begins a word that is no option although it begins with a hyphen; no argument of a process can have it.
_HIDDEN = "\0"


def _hide_hyphen(word: str) -> str:
    return _HIDDEN + word if word.startswith("-") and word != "-" else word


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (try: {self.prog} --help)")


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Format the description as text with line breaks, and keep those of the examples."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if text.startswith(EXAMPLES):
            return super()._fill_text(text, width, indent)
        return argparse.HelpFormatter._fill_text(self, text, width, indent)


EXAMPLES = "examples:\n"


def _format_examples(examples: Sequence[tuple[str, str]]) -> str:
    return EXAMPLES + "\n".join(f"  # {comment}\n  {PROGRAM} {text}" for text, comment in examples)
