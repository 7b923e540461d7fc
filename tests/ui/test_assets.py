"""JavaScript and CSS files."""

import re
from pathlib import Path

import pytest

from shared.ui import assets

FOLDER = Path(assets.__file__).parent
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.js"))


def test_placeholders_are_replaced_with_json():
    script = assets.script("open_tab", tabs=["a", "it's"])
    assert '["a", "it\'s"].find' in script
    assert "$TABS" not in script


def test_values_must_match_the_placeholders():
    with pytest.raises(ValueError, match=r"takes \['TABS'\], received \[\]"):
        assets.script("open_tab")
    with pytest.raises(ValueError, match=r"takes \[\], received \['tabs'\]"):
        assets.script("draw_box", tabs=[])


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_begin_with_a_comment_that_is_left_out(name):
    text = (FOLDER / f"{name}.js").read_text()
    assert text.startswith("/* ")
    placeholders = re.findall(r"\$([A-Z]+)\b", text)
    assert not assets.script(name, **{key.lower(): 0 for key in placeholders}).startswith("/*")


def test_the_style_sheet_has_all_files_and_balanced_braces():
    sheet = assets.style_sheet()
    assert all(path.read_text() in sheet for path in FOLDER.glob("*.css"))
    assert sheet.count("{") == sheet.count("}")


def test_all_scripts_are_used():
    package = FOLDER.parents[1]
    code = "\n".join(path.read_text() for path in package.rglob("*.py"))
    assert [name for name in SCRIPTS if f'script("{name}"' not in code] == []


def test_scripts_run_one_after_the_other():
    assert assets.all_of("() => 1", "() => 2") == "() => {(() => 1)();(() => 2)();}"
