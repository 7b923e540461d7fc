"""JavaScript functions and style sheets of the pages, read from the files of this folder."""

import json
import re
from functools import cache
from importlib.resources import files

_COMMENT = re.compile(r"\A/\*.*?\*/\s*", re.DOTALL)


@cache
def _read(name: str) -> str:
    return (files(__name__) / name).read_text(encoding="utf-8")


def script(name: str, **values: object) -> str:
    """Return the JavaScript of `<name>.js` without its leading comment, as Gradio's `js` arguments take it.

    Args:
        name: Name of the file without its suffix.
        **values: Values of the script's placeholders, by name; a placeholder is written in capitals after a
            dollar sign, such as `$TABS`. Each is replaced with the value as JSON.

    Raises:
        ValueError: The values are not those of the script's placeholders.
    """
    text = _COMMENT.sub("", _read(f"{name}.js")).strip()
    placeholders = set(re.findall(r"\$([A-Z]+)\b", text))
    if placeholders != {key.upper() for key in values}:
        raise ValueError(f"{name}.js takes {sorted(placeholders)}, received {sorted(values)}")
    for key, value in values.items():
        text = text.replace(f"${key.upper()}", json.dumps(value))
    return text


def all_of(*scripts: str) -> str:
    """Return a JavaScript function that calls others, each from `script`, one after the other."""
    return "() => {" + "".join(f"({script})();" for script in scripts) + "}"


def style_sheet() -> str:
    """Return the CSS of all `.css` files, in the order of their names."""
    names = sorted(file.name for file in files(__name__).iterdir() if file.name.endswith(".css"))
    return "\n".join(map(_read, names))
