"""Help of the command line: complete, and there at once."""

import os
import subprocess
import sys

import pytest

from shared.cli.commands import COMMANDS

MAX_SECONDS = 0.3  # of processor time


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_the_overview_lists_all_commands_with_a_sentence(arguments, run):
    result = run(*arguments)
    assert result.code == 0
    for command in COMMANDS.values():
        assert f"  {command.name:<11} {command.summary}" in result.lines
        assert command.summary.endswith(".")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_has_a_sentence_and_examples(name, run):
    result = run(name, "--help")
    text = result.data.decode()
    assert result.code == 0
    assert " ".join(text.split("\n\n")[1].split()).startswith(COMMANDS[name].summary)
    assert 2 <= text.partition("examples:\n")[2].count("\n  image-spaces ") <= 3
    assert run("help", name).data.decode() == text


def test_the_examples_of_the_help_are_right():
    """Those without other programs are parsed."""
    for command in COMMANDS.values():
        for text, _ in command.examples:
            if not set(text) & set("|<>'"):
                words = text.split()
                assert words[0] in COMMANDS
                COMMANDS[words[0]].parse(words[1:])


def test_the_version_is_printed(run):
    assert run("--version").lines == run("-V").lines
    assert run("--version").lines[0].startswith("image-spaces ")


@pytest.mark.parametrize(
    "arguments", [["--help"], ["edges", "--help"], ["draw", "--help"], ["find", "--help"]]
)
def test_help_waits_for_no_large_package(arguments):
    code = (
        "import sys; from shared.cli.main import main; main(sys.argv[1:]);"
        "print(*{'torch', 'gradio', 'scipy', 'lancedb'} & {*sys.modules}, file=sys.stderr)"
    )
    before = os.times()
    process = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60
    )
    after = os.times()
    assert process.stderr.strip() == ""
    assert process.stdout.startswith(("usage: image-spaces", "Image Spaces"))
    spent = after.children_user - before.children_user + after.children_system - before.children_system
    assert spent < MAX_SECONDS
