"""The translation page in a real browser: tasks, drawing, undo, uploads, results, errors, phones."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from shared.translation.palettes import FACADES
from shared.translation.tabs.task_menu import DRAWN, EDITED, MENU, available_tasks
from tests.browser.steps import download, open_tab, remove_image, upload_image

TASKS = available_tasks()
PHOTO_TASKS = [name for name in TASKS if name not in DRAWN and name not in EDITED]
DRAWN_TASKS = [name for name in TASKS if name in DRAWN]
SIZES = {"desktop": (1400, 900), "phone": (390, 844)}
WALL, WINDOW = FACADES.classes["wall"], FACADES.classes["window"]

needs_facade = pytest.mark.skipif("facade" not in TASKS, reason="no weights of house fronts")
needs_draw = pytest.mark.skipif("draw" not in TASKS, reason="no weights of drawings")
needs_paint = pytest.mark.skipif("paint" not in TASKS, reason="no weights of paintings")


def press_task(page: Page, name: str) -> None:
    """Press a task in the menu and wait for its panel."""
    page.locator(f".is-large-choices [data-name={name}]").click()
    expect(page.locator(f".is-large-choices [data-name={name}]")).to_have_attribute("aria-pressed", "true")


def slider_sources(page: Page) -> list[str]:
    return page.locator(".is-slider img").evaluate_all("images => images.map(image => image.src)")


def wait_for_result(page: Page, previous: list[str] | None = None) -> list[str]:
    """Wait until the slider shows two images, and others than before; return their addresses."""
    page.wait_for_function(
        "previous => { const images = [...document.querySelectorAll('.is-slider img')];"
        " return images.length >= 2 && images.every(image => image.complete && image.naturalWidth)"
        " && images.at(-1).src !== previous.at(-1) }",
        arg=previous or [""],
    )
    return slider_sources(page)


def visible_canvas(page: Page) -> Locator:
    return page.locator(".is-editor canvas").locator("visible=true")


def drag(page: Page, *places: tuple[float, float]) -> None:
    """Draw with the mouse over places in fractions of the sheet."""
    canvas = visible_canvas(page)
    canvas.scroll_into_view_if_needed()
    frame = canvas.bounding_box()
    points = [(frame["x"] + x * frame["width"], frame["y"] + y * frame["height"]) for x, y in places]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=6)
    page.mouse.up()


def pixel(page: Page, x: int, y: int) -> tuple[int, ...]:
    """Return the color of a pixel of the sheet."""
    script = "(canvas, [x, y]) => [...canvas.getContext('2d').getImageData(x, y, 1, 1).data].slice(0, 3)"
    return tuple(visible_canvas(page).evaluate(script, [x, y]))


def sheet_colors(page: Page) -> set[tuple[int, ...]]:
    """Return all colors of the sheet."""
    script = """canvas => [...new Set(new Uint32Array(
        canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer))]"""
    return {tuple(int(value).to_bytes(4, "little")[:3]) for value in visible_canvas(page).evaluate(script)}


def choose(page: Page, name: str) -> None:
    """Choose a brush or a tool of the visible editor."""
    page.locator(".is-editor button").locator("visible=true").get_by_text(name, exact=True).click()


def act(page: Page, name: str) -> None:
    """Press undo, redo, clear or open in the visible editor."""
    page.locator(".is-editor").locator("visible=true").get_by_role("button", name=name).click()


def sent_mask(page: Page, step: Callable[[], None]) -> Image.Image:
    """Take a step in the editor of the mask, and return the mask that the server receives."""
    with page.expect_response(lambda response: "/upload" in response.url) as response_info:
        step()
    return Image.open(response_info.value.json()[0]).convert("L")


@pytest.mark.parametrize("size", SIZES)
def test_the_menu_shows_a_picture_and_the_panel_of_each_task(visit, size):
    width, height = SIZES[size]
    page = visit("/translation", width=width, height=height)
    buttons = page.locator(".is-large-choices button")
    assert buttons.evaluate_all("items => items.map(item => item.dataset.name)") == TASKS
    page.wait_for_function(
        "[...document.querySelectorAll('.is-large-choices img')].every(image => image.naturalWidth)"
    )
    for name in TASKS:
        press_task(page, name)
        expect(page.locator(f".is-for-{name}").last).to_be_visible()
        assert page.locator(".is-panel:visible").evaluate_all(
            "(panels, name) => panels.every(panel => panel.classList.contains(`is-for-${name}`))", name
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= width, MENU[name].title


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("task", PHOTO_TASKS)
def test_a_photo_becomes_a_result_without_a_click(visit, cat_path, task, size):
    width, height = SIZES[size]
    page = visit("/translation", width=width, height=height)
    press_task(page, task)
    upload_image(page, cat_path)
    wait_for_result(page)
    expect(page.get_by_text("240 × 160 pixels")).to_be_visible()
    control = page.get_by_role("button", name="Download PNG").or_(
        page.get_by_role("link", name="Download PNG")
    )
    name, path = download(page, control.first)
    assert name == f"cat-{task}.png"
    assert Image.open(path).size == (240, 160)


@pytest.mark.parametrize("task", DRAWN_TASKS)
def test_a_stroke_becomes_a_result(visit, task):
    page = visit("/translation")
    press_task(page, task)
    drag(page, (0.2, 0.2), (0.8, 0.7))
    wait_for_result(page)
    expect(page.get_by_text("256 × ").first).to_be_visible()


@needs_facade
def test_boxes_strokes_and_floods_have_the_colors_of_their_brushes(visit):
    page = visit("/translation")
    press_task(page, "facade")
    assert page.locator(".is-brushes:visible button").count() == 12
    drag(page, (0.1, 0.1), (0.9, 0.9))
    assert pixel(page, 128, 128) == WALL
    choose(page, "Window")
    choose(page, "Brush")
    drag(page, (0.3, 0.3), (0.7, 0.35), (0.4, 0.6))
    assert sheet_colors(page) == {FACADES.classes["background"], WALL, WINDOW}
    first = wait_for_result(page)
    choose(page, "Door")
    choose(page, "Fill")
    drag(page, (0.02, 0.02))
    assert pixel(page, 2, 2) == FACADES.classes["door"]
    assert sheet_colors(page) == {FACADES.classes["door"], WALL, WINDOW}
    second = wait_for_result(page, first)
    page.keyboard.press("Control+z")
    assert pixel(page, 2, 2) == FACADES.classes["background"]
    wait_for_result(page, second)


@needs_facade
def test_undo_redo_and_clear(visit):
    page = visit("/translation")
    press_task(page, "facade")
    expect(page.get_by_role("button", name="Undo").locator("visible=true")).to_be_disabled()
    drag(page, (0.1, 0.1), (0.9, 0.9))
    choose(page, "Window")
    drag(page, (0.4, 0.4), (0.6, 0.6))
    act(page, "Undo")
    assert pixel(page, 128, 128) == WALL
    act(page, "Redo")
    assert pixel(page, 128, 128) == WINDOW
    wait_for_result(page)
    act(page, "Clear")
    assert sheet_colors(page) == {FACADES.classes["background"]}
    expect(page.get_by_text("the result appears here").first).to_be_visible()
    act(page, "Undo")
    assert pixel(page, 128, 128) == WINDOW
    wait_for_result(page)


@needs_facade
def test_a_drawing_stays_while_another_task_is_open(visit, cat_path):
    page = visit("/translation")
    press_task(page, "facade")
    page.locator(".is-starts button").locator("visible=true").first.click()
    wait_for_result(page)
    colors = sheet_colors(page)
    for name in TASKS[:2]:
        press_task(page, name)
    press_task(page, "facade")
    assert len(colors) > 5
    assert sheet_colors(page) == colors
    act(page, "Undo")
    assert len(sheet_colors(page)) == 1


@needs_facade
def test_an_opened_picture_gets_the_colors_of_the_brushes(visit, cat_path, tmp_path):
    page = visit("/translation")
    press_task(page, "facade")
    files = page.locator(".is-panel:visible .is-editor input[type=file]")
    files.set_input_files(cat_path)
    wait_for_result(page)
    assert sheet_colors(page) <= set(FACADES.classes.values())
    (tmp_path / "bad.png").write_text("no picture")
    colors = sheet_colors(page)
    files.set_input_files(tmp_path / "bad.png")
    expect(page.get_by_text("not a picture that your browser can open").first).to_be_visible()
    assert sheet_colors(page) == colors


@needs_facade
def test_a_finger_draws_on_a_phone(visit):
    page = visit("/translation", width=390, height=844)
    press_task(page, "facade")
    visible_canvas(page).evaluate(
        """canvas => {
            const frame = canvas.getBoundingClientRect();
            const send = (type, x, y) => canvas.dispatchEvent(new PointerEvent(type, {
                pointerId: 1, pointerType: "touch", isPrimary: true, bubbles: true, cancelable: true,
                clientX: frame.x + x * frame.width, clientY: frame.y + y * frame.height,
            }));
            canvas.setPointerCapture = () => {};
            send("pointerdown", 0.2, 0.2); send("pointermove", 0.8, 0.8); send("pointerup", 0.8, 0.8);
        }"""
    )
    assert pixel(page, 128, 128) == WALL
    wait_for_result(page)


@needs_facade
def test_there_and_back_and_side_by_side(visit):
    page = visit("/translation")
    press_task(page, "facade")
    page.locator(".is-starts button").locator("visible=true").first.click()
    wait_for_result(page)
    open_tab(page, "There and back")
    expect(page.locator("#cycle img")).to_have_count(4)
    expect(page.locator("#cycle")).to_contain_text("Difference")
    open_tab(page, "Side by side")
    expect(page.locator("#variants img").nth(1)).to_be_visible()
    press_task(page, "edit")
    expect(page.locator("#variants")).to_contain_text("only one way")
    expect(page.locator("#variants .is-variants")).to_be_hidden()  # no empty frame
    open_tab(page, "There and back")
    expect(page.locator("#cycle")).to_contain_text("one way only")
    expect(page.locator("#cycle .is-variants")).to_be_hidden()


@needs_draw
def test_settings_change_the_result(visit, cat_path):
    page = visit("/translation")
    press_task(page, "draw")
    upload_image(page, cat_path)
    first = wait_for_result(page)
    page.get_by_label("Charcoal").click()
    wait_for_result(page, first)
    open_tab(page, "Side by side")
    expect(page.locator("#variants img")).to_have_count(4)


@needs_paint
def test_a_style_is_a_name_or_a_picture(visit, cat_path, tmp_path):
    page = visit("/translation")
    press_task(page, "paint")
    upload_image(page, cat_path)
    first = wait_for_result(page)
    page.locator(".is-small-choices button").nth(3).click()
    second = wait_for_result(page, first)
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "style.png")
    page.get_by_role("button", name="Or take any picture as the style").click()
    inputs = page.locator(".is-for-paint input[type=file]")
    inputs.last.set_input_files(tmp_path / "style.png")
    wait_for_result(page, second)


def test_words_need_an_image_and_the_hub(visit, cat_path):
    page = visit("/translation")
    press_task(page, "edit")
    button = page.get_by_role("button", name="Make the picture").locator("visible=true")
    button.click()
    expect(page.get_by_text("There is no picture yet").first).to_be_visible()
    expect(button).to_be_enabled()
    upload_image(page, cat_path)
    page.get_by_label("What to change").fill("make it winter")
    button.click()
    expect(page.locator(".toast-body.error").last).to_contain_text(".")
    expect(page.get_by_text("Something went wrong")).to_have_count(0)
    expect(button).to_be_enabled()
    expect(page.get_by_label("What to change")).to_have_value("make it winter")


@pytest.mark.parametrize("size", SIZES)
def test_a_part_of_the_photo_is_painted_and_erased(visit, cat_path, tmp_path, size):
    width, height = SIZES[size]
    page = visit("/translation", width=width, height=height)
    press_task(page, "edit")
    page.get_by_text("Change only a part").click()
    expect(page.get_by_text("Choose a photo above first")).to_be_visible()
    upload_image(page, cat_path)
    expect(visible_canvas(page)).to_have_attribute("width", "240")
    mask = sent_mask(page, lambda: drag(page, (0.2, 0.5), (0.8, 0.5)))
    assert mask.size == (240, 160)
    assert {level for _, level in mask.getcolors()} == {0, 255}
    assert mask.getbbox()[::2] == pytest.approx((40, 200), abs=4)
    tool = page.locator(".is-mask [data-tool=erase]")
    tool.click()
    expect(tool).to_have_attribute("aria-pressed", "true")
    mask = sent_mask(page, lambda: drag(page, (0.6, 0.5), (0.9, 0.5)))
    assert mask.getbbox()[::2] == pytest.approx((40, 137), abs=4)
    mask = sent_mask(page, lambda: act(page, "Undo"))
    assert mask.getbbox()[::2] == pytest.approx((40, 200), abs=4)
    act(page, "Clear")
    assert sheet_colors(page) == {(0, 0, 0)}
    Image.new("RGB", (60, 90)).save(tmp_path / "other.png")
    act(page, "Undo")
    remove_image(page)
    expect(page.get_by_text("Choose a photo above first")).to_be_visible()
    upload_image(page, tmp_path / "other.png")
    expect(visible_canvas(page)).to_have_attribute("height", "90")
    assert sheet_colors(page) == {(0, 0, 0)}


@pytest.mark.skipif(not PHOTO_TASKS, reason="no weights")
def test_many_photos_become_a_zip(visit, cat_path, tmp_path):
    page = visit("/translation")
    press_task(page, PHOTO_TASKS[0])
    bad = tmp_path / "bad.png"
    bad.write_text("no picture")
    open_tab(page, "Several photos")
    page.locator(".is-files input[type=file]").set_input_files([cat_path, bad])
    expect(page.locator(".is-files tbody tr")).to_have_count(2)
    page.get_by_role("button", name="Do it with all of them").click()
    expect(page.get_by_text("Skipped: This file is not a picture")).to_be_visible()
    name, path = download(page, page.locator(".is-zip a").first)
    assert name == f"translation-{PHOTO_TASKS[0]}.zip"
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["cat.png"]


@pytest.mark.skipif(not PHOTO_TASKS, reason="no weights")
def test_a_bad_file_is_explained_and_the_page_still_works(visit, cat_path, tmp_path):
    page = visit("/translation")
    press_task(page, PHOTO_TASKS[0])
    bad: Path = tmp_path / "bad.png"
    bad.write_text("no picture")
    upload_image(page, bad)
    expect(page.get_by_text("This file is not a picture").first).to_be_visible()
    remove_image(page)
    upload_image(page, cat_path)
    wait_for_result(page)


def test_how_it_works(visit):
    page = visit("/translation")
    page.get_by_role("button", name="How it works").click()
    expect(page.locator(".is-figure svg")).to_be_visible()
    expect(page.get_by_text("An Extensive Study of Cycle-Consistent Generative Networks")).to_be_visible()
