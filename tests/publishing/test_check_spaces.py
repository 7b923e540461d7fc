"""Spaces run from their uploads; in new environments only on request, since each takes gigabytes."""

import os
import sys

import pytest

from shared.publishing import check_spaces
from shared.publishing.assemble import assemble_space, list_spaces
from shared.publishing.check_spaces import CALLS, SUITE, Report, assemble, check, current_environment
from shared.publishing.running_space import SpaceError, check_answer, running
from shared.ui.sample_images import sample_images

FRESH = "IMAGE_SPACES_CHECK_SPACES"


def test_every_space_has_a_call():
    assert [space.name for space in list_spaces()] == sorted(CALLS)


def test_an_upload_runs_without_the_checkout(tmp_path):
    assemble("edges", tmp_path / "edges")
    report = check("edges", tmp_path / "edges", current_environment())
    assert report.megabytes > 100
    assert report.start > 0
    assert report.row().startswith("| edges | 0.0 | ")


@pytest.mark.skipif(FRESH not in os.environ, reason=f"makes environments of gigabytes: set {FRESH}=1")
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", [*CALLS, SUITE])
def test_an_upload_runs_in_a_new_environment(name, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["check_spaces", name])
    check_spaces.main()
    assert "failed" not in capsys.readouterr().out


def test_an_upload_without_a_package_is_an_error(tmp_path):
    assemble_space("edges", tmp_path / "edges")
    (tmp_path / "edges" / "app.py").write_text("import nothing_of_this_name\n")
    environment = current_environment()
    with (
        pytest.raises(SpaceError, match=r"edges does not start:(?s:.*)nothing_of_this_name"),
        running("edges", tmp_path / "edges", environment.command, environment.variables),
    ):
        pass


@pytest.mark.parametrize("answer", ["", None, {}, [], ("text", {})])
def test_an_empty_answer_is_an_error(answer):
    with pytest.raises(SpaceError, match="/classify answers with"):
        check_answer("classify", answer)


def test_an_image_of_one_color_is_an_error(tmp_path):
    from PIL import Image

    Image.new("RGB", (8, 8)).save(tmp_path / "black.png")
    with pytest.raises(SpaceError, match="a single color"):
        check_answer("draw", str(tmp_path / "black.png"))
    check_answer("draw", str(sample_images()["cat"]))


def test_limits():
    Report("edges", 0, 10, 1, 1, 900).check()
    with pytest.raises(SpaceError, match="needs 17000 MB of memory; the limit is 16000"):
        Report("edges", 0, 10, 1, 1, 17_000).check()
    with pytest.raises(SpaceError, match="needs 121 seconds for a call"):
        Report("edges", 0, 10, 1, 121, 900).check()


def test_an_unknown_name_ends_with_a_sentence(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["check_spaces", "edge"])
    with pytest.raises(SystemExit):
        check_spaces.main()
    assert "there is no space edge: choose from crossmodal, edges" in capsys.readouterr().err
