"""Errors of functions and generators that a page calls."""

import gradio as gr
import pytest

from shared.core.errors import InputError
from shared.ui.errors import MAX_LENGTH, UNEXPECTED, shortened, user_facing


def steps(error):
    """Yield a step, then fail."""
    yield 1
    raise error


def fail(error):
    raise error


@pytest.mark.parametrize(
    ("error", "text"), [(InputError("Too small."), "Too small."), (KeyError("path"), UNEXPECTED)]
)
def test_errors_are_readable_in_functions_and_generators(error, text):
    with pytest.raises(gr.Error, match=text):
        user_facing("test")(fail)(error)
    values = user_facing("test")(steps)(error)
    assert next(values) == 1
    with pytest.raises(gr.Error, match=text):
        next(values)


def test_long_texts_of_visitors_lose_their_middle():
    text = shortened(f"There is no {'x' * 5000}: please try a word.")
    assert len(text) == MAX_LENGTH
    assert text.startswith("There is no xxx")
    assert text.endswith("xxx: please try a word.")


def test_a_generator_that_is_closed_is_no_failure():
    closed = []

    @user_facing("test")
    def endless():
        try:
            while True:
                yield 1
        finally:
            closed.append(True)

    values = endless()
    next(values)
    values.close()
    assert closed == [True]
