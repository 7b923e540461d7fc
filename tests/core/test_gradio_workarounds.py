"""What Gradio is kept from while the suite starts, and that it does it again afterwards."""

import subprocess
import sys
from pathlib import Path

import gradio as gr
import pytest
from gradio.routes import App

from shared.core.gradio_workarounds import without_servers, without_stubs

ROOT = Path(__file__).resolve().parents[2]
COMPONENT = """
import gradio as gr

class Picture(gr.Image):
    pass
"""


@pytest.mark.parametrize("wanted", [True, False])
def test_stubs(tmp_path, monkeypatch, wanted):
    (tmp_path / "component_of_a_test.py").write_text(COMPONENT)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "component_of_a_test", raising=False)
    if wanted:
        __import__("component_of_a_test")
    else:
        with without_stubs():
            __import__("component_of_a_test")
    assert (tmp_path / "component_of_a_test.pyi").exists() is wanted
    monkeypatch.delitem(sys.modules, "component_of_a_test")


def test_other_code_still_finds_files():
    import inspect

    with without_stubs():
        assert inspect.getfile(App).endswith("routes.py")


def test_pages_without_servers_and_a_suite_with_one():
    with without_servers():
        with gr.Blocks() as suite:
            gr.Markdown("one")
        with suite.route("Two", "two"):
            gr.Markdown("two")
        assert suite.app is None
    assert isinstance(suite.queue().app, App)


def test_the_suite_makes_no_servers_that_it_does_not_use():
    """One for the queue, one for the mounted suite."""
    count = (
        "import app\n"
        "from gradio.routes import App\n"
        "made, make = [], App.create_app\n"
        "App.create_app = staticmethod(lambda *a, **k: made.append(1) or make(*a, **k))\n"
        "with app.without_servers():\n"
        "    modules = {name: app.load_space(name) for name in app.NAMES}\n"
        "app.build_server(app.build_suite(modules, 'http://127.0.0.1'), modules)\n"
        "print(len(made))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", count], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ended.stdout.strip() == "2"
