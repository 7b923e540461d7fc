"""The tab "Teach it" in a real browser: a lesson, a search before and after it, and undoing."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from shared.core import weights
from shared.core.weights import WeightsError
from tests.browser.steps import download, open_tab
from tests.conftest import start

SLOW = 240_000  # milliseconds; the model is loaded and looks at its sample photos first


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The suite with short lessons."""
    try:
        weights.find("retrieval-lifelong")
    except WeightsError as error:
        pytest.skip(str(error))
    app = Path(__file__).resolve().parents[1] / "short_lessons.py"
    server = start(tmp_path_factory.mktemp("server"), app)
    yield server
    server.stop()


def test_a_lesson_from_an_example_to_a_loaded_model(visit, tmp_path):
    page = visit("/retrieval", width=390, height=844)
    open_tab(page, "Teach it")
    tab = page.locator("#teach")
    expect(tab).to_contain_text("The model knows these 40 fruits and vegetables")
    tab.locator("button[title='Teach it this']").first.click()
    expect(tab.locator("progress")).to_be_visible(timeout=SLOW)
    expect(tab.get_by_role("button", name="Stop")).to_be_enabled()
    expect(tab.locator(".is-lines svg")).to_be_visible(timeout=SLOW)
    expect(tab).to_contain_text("of the 120 old ones it still finds", timeout=SLOW)
    expect(tab).to_contain_text("it has learned kiwi")
    expect(tab.locator("progress")).to_have_count(0)
    expect(tab.get_by_role("button", name="Stop")).to_be_disabled()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

    tab.locator("button[title='Search with this photo']").first.click()
    expect(tab.get_by_role("heading", name="After the lesson")).to_be_visible()
    expect(tab.locator(".is-columns section").last.locator("figure")).to_have_count(12)
    name, path = download(page, tab.get_by_role("button", name="Download the model"))
    assert name == "taught-model.safetensors"
    saved = tmp_path / name
    saved.write_bytes(path.read_bytes())

    tab.get_by_role("button", name="Undo the last lesson").click()
    expect(tab).to_contain_text("Undone")
    expect(tab).to_contain_text("The model knows these 40 fruits")
    expect(tab.get_by_role("heading", name="After the lesson")).to_have_count(0)
    tab.get_by_role("button", name="Go on with a model").click()
    tab.locator("input[type=file][accept='.safetensors']").set_input_files(saved)
    expect(tab).to_contain_text("Your model is loaded.")
    expect(tab).to_contain_text("it has learned kiwi")


def test_a_lesson_can_be_stopped_and_a_bad_one_gets_one_sentence(visit):
    page = visit("/retrieval")
    open_tab(page, "Teach it")
    tab = page.locator("#teach")
    tab.get_by_role("button", name="Teach", exact=True).click()
    expect(page.get_by_text("Give the new thing a name.").first).to_be_visible(timeout=SLOW)
    expect(tab.get_by_role("button", name="Stop")).to_be_disabled()
    tab.locator("button[title='Teach it this']").last.click()
    expect(tab.locator("progress")).to_be_visible(timeout=SLOW)
    tab.get_by_role("button", name="Stop").click()
    expect(tab).to_contain_text("Stopped: the model is as it was before.", timeout=SLOW)
    expect(tab.get_by_role("button", name="Teach", exact=True)).to_be_enabled()
    expect(tab.get_by_role("button", name="Undo the last lesson")).to_be_disabled()
