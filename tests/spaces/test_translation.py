"""The translation space through its API: Gradio's Python client and MCP."""

import base64
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from gradio_client import handle_file
from gradio_client.exceptions import AppError
from huggingface_hub import metadata_load
from PIL import Image

from shared.translation.drawing.styles import STYLES
from shared.translation.engines import COLORIZERS, SKETCH_COLORIZERS, SKETCHERS, STYLIZERS, TRANSLATORS
from shared.translation.tabs.example_drawings import townhouse
from shared.translation.tabs.task_menu import available_tasks
from shared.translation.tabs.translations import TRANSLATIONS, available_translations, systems
from tests.test_security import data_url

ROOT = Path(__file__).resolve().parents[2]
TOOLS = {
    "translate",
    "translate_cycle",
    "draw",
    "colorize",
    "color_drawing",
    "paint",
    "edit",
    "translate_many",
}
ENGINES = [(name, system) for name, row in available_translations().items() for system in systems(row.task)]


def needs(task):
    return pytest.mark.skipif(task not in available_tasks(), reason=f"no weights of the task {task}")


def decode(path):
    with Image.open(path) as image:
        image.load()
        return image


@pytest.fixture(scope="module")
def drawing_path(tmp_path_factory):
    """Path of the drawing of a house front."""
    path = tmp_path_factory.mktemp("drawing") / "house.png"
    townhouse().save(path)
    return path


def test_the_space_brings_all_weights_with_results():
    tables = (SKETCHERS, SKETCH_COLORIZERS, COLORIZERS, STYLIZERS, TRANSLATORS)
    names = {str(row.weights) for table in tables for row in table.values()}
    folders = {name for name in names if (ROOT / "weights" / name / "results.json").is_file()}
    models = metadata_load(ROOT / "spaces" / "translation" / "README.md")["models"]
    assert folders == {name.rpartition("/")[2] for name in models}


@pytest.mark.parametrize(("task", "engine"), ENGINES)
def test_translations_have_the_images_size(client, cat_path, task, engine):
    image = handle_file(cat_path)
    result = decode(client.predict(image=image, task=task, engine=engine, api_name="/translate"))
    assert (result.format, result.size) == ("PNG", (240, 160))
    assert np.ptp(np.asarray(result)) > 0


@needs("facade")
def test_there_and_back(client, drawing_path):
    settings = {"image": handle_file(drawing_path), "task": "labels-to-facade"}
    photo = decode(client.predict(**settings, api_name="/translate"))
    labels = decode(client.predict(**settings, api_name="/translate_cycle"))
    assert photo.size == labels.size == (256, 256)
    assert len(labels.getcolors(maxcolors=1 << 16)) <= 12 < len(photo.getcolors(maxcolors=1 << 16))


@needs("draw")
@pytest.mark.parametrize("style", STYLES)
def test_drawings(client, cat_path, style):
    drawing = decode(client.predict(image=handle_file(cat_path), style=style, api_name="/draw"))
    assert (drawing.format, drawing.mode, drawing.size) == ("PNG", "L", (240, 160))
    assert np.asarray(drawing).max() > 230  # paper


@needs("color")
def test_colors_keep_the_lightness(client, cat_path):
    def colorize(saturation):
        image = handle_file(cat_path)
        return decode(client.predict(image=image, saturation=saturation, api_name="/colorize"))

    grey, colored = colorize(0), colorize(1)
    assert colored.size == (240, 160)
    assert np.ptp(np.asarray(grey, int), axis=2).max() <= 3
    assert np.ptp(np.asarray(colored, int), axis=2).mean() > 5


@needs("paint")
def test_a_style_is_a_name_or_a_picture(client, cat_path, drawing_path):
    def paint(**settings):
        return np.asarray(decode(client.predict(image=handle_file(cat_path), **settings, api_name="/paint")))

    photo, named = paint(strength=0), paint(style="night")
    other = paint(style_image=handle_file(drawing_path))
    assert photo.shape == named.shape == other.shape == (160, 240, 3)
    assert np.array_equal(photo, np.asarray(Image.open(cat_path).convert("RGB")))
    assert len({image.tobytes() for image in (photo, named, other)}) == 3


@needs("draw")
def test_many_images_become_one_zip(client, cat_path, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_text("no picture")
    path, report = client.predict(
        images=[handle_file(cat_path), handle_file(bad)], task="draw", api_name="/translate_many"
    )
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["cat.png"]
        assert Image.open(io.BytesIO(archive.read("cat.png"))).size == (240, 160)
    assert [row[0] for row in report] == ["cat.jpg", "bad.png"]
    assert "not a picture" in report[1][1]


@pytest.mark.parametrize(
    ("endpoint", "settings", "reason"),
    [
        ("/draw", {"image": None}, "no picture yet"),
        ("/draw", {"style": "magic"}, "must be one of"),
        ("/draw", {"detail": 7}, r"less than or equal|maximum|2"),
        ("/translate", {"task": "magic"}, "must be one of"),
        ("/paint", {"strength": -1}, r"greater than or equal|minimum|0"),
        ("/edit", {"prompt": "make it winter"}, r"\.$"),
    ],
)
def test_bad_input_is_explained_in_one_sentence(client, cat_path, endpoint, settings, reason):
    arguments = {"image": handle_file(cat_path), **settings}
    with pytest.raises(AppError, match=reason) as error:
        client.predict(**arguments, api_name=endpoint)
    assert len(str(error.value)) < 400
    assert "Traceback" not in str(error.value)


@needs("draw")
def test_mcp_tools(agent, cat_path):
    tools, use = agent()
    assert set(tools) >= TOOLS
    for name in TOOLS:
        assert tools[name].description
        assert all(field["description"] for field in tools[name].inputSchema["properties"].values()), name
    assert tools["translate"].inputSchema["properties"]["task"]["enum"] == list(TRANSLATIONS)
    assert tools["draw"].inputSchema["required"] == ["image"]
    result = use("draw", image=data_url(cat_path.read_bytes()), style="ink")
    assert (result.content[0].type, result.content[0].mimeType) == ("image", "image/png")
    assert decode(io.BytesIO(base64.b64decode(result.content[0].data))).size == (240, 160)
    failure = use("draw", image=data_url(b"text", "png"))
    assert failure.isError
    assert "not a picture" in failure.content[0].text
