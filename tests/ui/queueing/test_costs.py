"""Costs of calls, and the sizes of their images."""

import gradio as gr
import pytest
from PIL import Image

from shared.ui.gradio_workarounds import new_cache_path
from shared.ui.queueing.costs import CostModel, cost_key
from shared.ui.queueing.sizes import count_megapixels


@pytest.fixture
def photo(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    path = new_cache_path("photo.png")
    Image.new("RGB", (2000, 1000)).save(path)
    return {"path": str(path), "url": None, "meta": {"_type": "gradio.FileData"}}


def test_costs_are_the_median_of_calls_of_about_the_same_size():
    costs = CostModel()
    costs.learn("draw", 12, seconds=30)  # loads the engine
    for _ in range(3):
        costs.learn("draw", 12, seconds=2)
    costs.learn("draw", 0.2, seconds=0.5)
    assert costs.estimate("draw", 12) == 2
    assert costs.estimate("draw", 48) == 8
    assert costs.estimate("draw", 0.1) == 0.5
    assert costs.estimate("paint", 12) == 12


def test_choices_belong_to_the_key_but_no_text_of_a_caller():
    with gr.Blocks() as blocks:
        inputs = [gr.Textbox(), gr.Dropdown(["fast", "best"], allow_custom_value=True), gr.Checkbox()]
        gr.Button().click(lambda *_: None, inputs, None)
    function = next(iter(blocks.fns.values()))
    assert cost_key(function, ["a", "best", True]) == cost_key(function, ["b", "best", True])
    assert cost_key(function, ["a", "best", True]) != cost_key(function, ["a", "fast", True])
    assert cost_key(function, ["a", "else", [1]]) == cost_key(function, ["a", ["x"], False])


def test_megapixels_of_all_images_count(photo, tmp_path):
    assert count_megapixels([photo, "text", 3, None, [photo, photo]]) == 6
    assert count_megapixels([{"background": photo, "layers": []}]) == 2
    archive = new_cache_path("photos.zip")
    archive.write_bytes(bytes(1_000_000))
    assert count_megapixels([{"path": str(archive)}]) == 2
    assert count_megapixels(["data:image/png;base64," + "A" * 1_000_000]) == pytest.approx(1.5, 0.01)


def test_files_that_no_caller_may_name_do_not_count(photo, tmp_path):
    assert count_megapixels([{"path": "/etc/hostname"}, {"path": f"{tmp_path}/missing.png"}]) == 0
