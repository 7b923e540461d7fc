"""Checks of instructions before a pipeline reads them, since tokenizers cut long ones without a word."""

from __future__ import annotations

from collections.abc import Callable

from shared.core.errors import InputError

#: Characters of the longest instruction that is counted in tokens.
MAX_CHARACTERS = 10_000


def check_prompt(prompt: str, count_tokens: Callable[[str], int], max_tokens: int) -> str:
    """Return an instruction without white space around it.

    Args:
        prompt: Text of a visitor.
        count_tokens: Returns the number of tokens of a text.
        max_tokens: Largest number that the pipeline reads.

    Raises:
        InputError: The text is empty or too long.

    >>> check_prompt(" make it snow ", count_tokens=len, max_tokens=20)
    'make it snow'
    """
    prompt = prompt.strip()
    if not prompt:
        raise InputError("There are no words yet: please write what should be in the picture.")
    if len(prompt) > MAX_CHARACTERS:
        raise InputError(f"This text has more than {MAX_CHARACTERS:,} characters: please shorten it.")
    tokens = count_tokens(prompt)
    if tokens > max_tokens:
        raise InputError(
            f"This text is too long for the engine ({tokens} of at most {max_tokens} word pieces): "
            "please shorten it."
        )
    return prompt
