"""Entry point of the command line: finds the command, runs it, and turns errors into sentences.

Exit codes: 0 done, or something was found; 1 nothing was found, or a part failed; 2 wrong use; 130 Ctrl-C.
"""

from __future__ import annotations

import difflib
import os
import sys
import traceback
from collections.abc import Sequence
from itertools import groupby

from shared.cli.commands import COMMANDS
from shared.cli.console import Console, open_streams, use_utf8
from shared.cli.errors import CommandError, UsageError

DONE, FAILED, WRONG_USE, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: Arguments after the program's name; by default those of the process.

    Returns:
        Exit code, see above.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not open_streams():
        return FAILED
    use_utf8(sys.stdout)
    console = Console()
    try:
        code = _run(words)
        sys.stdout.flush()
        return code
    except UsageError as error:
        console.error(str(error))
        return WRONG_USE
    except KeyboardInterrupt:
        console.error("Interrupted.")
        return INTERRUPTED
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except SystemExit as error:  # from the help, and from the server with a sentence
        if isinstance(error.code, str):
            console.error(error.code)
            return FAILED
        return error.code or DONE
    except Exception as error:
        if "--debug" in words:
            traceback.print_exc()
            return FAILED
        from shared.cli.batch import sentence  # deferred: it imports what most errors come from

        console.error(sentence(error) if not isinstance(error, CommandError) else str(error))
        return FAILED


def overview() -> str:
    """Return the list of all commands."""
    lines = [
        "Image Spaces understands, remakes and finds pictures, offline and on an ordinary computer.",
        "",
        "usage: image-spaces COMMAND [OPTION...] [PICTURE...]",
    ]
    for group, commands in groupby(COMMANDS.values(), key=lambda command: command.group):
        lines += ["", f"{group}:"]
        lines += [f"  {command.name:<11} {command.summary}" for command in commands]
    lines += ["", "image-spaces COMMAND --help shows the options of a command with examples."]
    return "\n".join(lines)


def version() -> str:
    """Return the version of the installed package."""
    from importlib import metadata  # deferred: it takes as long as all of the help

    try:
        return f"image-spaces {metadata.version('image-spaces')}"
    except metadata.PackageNotFoundError:
        return "image-spaces, not installed"


def _run(words: list[str]) -> int:
    if words[:1] == ["help"]:
        words = [*words[1:2], "--help"]
    if not words or words[0] in ("-h", "--help"):
        print(overview())
        return DONE
    if words[0] in ("-V", "--version"):
        print(version())
        return DONE
    command = COMMANDS.get(words[0])
    if command is None:
        raise UsageError(_no_command(words[0]))
    arguments = command.parse(words[1:])
    console = Console(
        quiet=arguments.quiet,
        null=getattr(arguments, "null", False),
        json_lines=getattr(arguments, "json", False),
    )
    try:
        return command.run(arguments, console)
    finally:
        console.close()


def _no_command(word: str) -> str:
    if word.startswith("-"):
        return f"{word} comes after a command, as in: image-spaces edges {word} (image-spaces lists them all)"
    similar = difflib.get_close_matches(word, COMMANDS, 1, 0.6)
    if similar:
        return f"There is no command {word!r}: do you mean {similar[0]}?"
    if os.path.exists(word):
        return f"Say what to do with {word}, as in: image-spaces edges {word}"
    return f"There is no command {word!r}: image-spaces without arguments lists all of them."
