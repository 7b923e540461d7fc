"""The suite with lessons of few steps, for tests of whole pages."""

import runpy
from pathlib import Path

from shared.retrieval.lifelong import search

search.STEPS_PER_CLASS = search.MIN_STEPS = 8

if __name__ == "__main__":
    runpy.run_path(str(Path(__file__).resolve().parents[1] / "app.py"), run_name="__main__")
