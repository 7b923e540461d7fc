"""Errors of the command line, which are reported in one sentence."""

from __future__ import annotations


class UsageError(Exception):
    """Wrong use of a command; the text says what to do instead."""


class CommandError(Exception):
    """Command that cannot be carried out; the text is one sentence with the reason."""
