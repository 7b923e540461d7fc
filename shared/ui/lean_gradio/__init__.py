"""Costs of Gradio (6.31) that grow with the pages and the files of a suite, and that nothing here needs."""

from shared.ui.lean_gradio.light_sessions import use_light_sessions
from shared.ui.lean_gradio.static_files import use_quick_static_check


def use_lean_gradio() -> None:
    """Have Gradio begin light sessions and look files up quickly; to be called before a server is built."""
    use_light_sessions()
    use_quick_static_check()
