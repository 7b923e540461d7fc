"""Model cards of the project: short, up to date, with code that runs and one licence for everything."""

import importlib
import pkgutil
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open

from shared import networks
from shared.core import weights
from shared.core.engines import Engine
from shared.core.front_matter import read_front_matter, read_licence
from shared.networks.hub_mixin import HubMixin
from shared.publishing.cards import model_index, results_page
from shared.publishing.results import MAX_FIGURES, read_headline, read_results
from shared.publishing.tables import headline_table
from shared.ui.sample_images import sample_images

ROOT = Path(__file__).parents[2]
FOLDERS = sorted(path.parent for path in (ROOT / "weights").glob("*/config.json"))
PAGES = [*(folder / "README.md" for folder in FOLDERS), *sorted((ROOT / "docs" / "results").glob("*.md"))]

folders = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def body(folder: Path) -> str:
    return (folder / "README.md").read_text(encoding="utf-8").split("\n---\n", 1)[1]


def test_all_cards_together_are_short():
    lengths = [len((folder / "README.md").read_text().splitlines()) for folder in FOLDERS]
    assert sum(lengths) <= 100 * len(FOLDERS)


@folders
def test_a_card_fits_one_screen_before_its_details(folder):
    screen = body(folder).partition("<details>")[0]
    assert len(screen.strip().splitlines()) <= 50
    for part in (r"\A\n*# ", r"^```python$", r"^\*\*Limits\.\*\*", r"^\*\*Licence\.\*\*"):
        assert len(re.findall(part, screen, re.MULTILINE)) == 1, part
    assert len(re.findall(r"^\| ---", screen, re.MULTILINE)) == 1  # one table


@folders
def test_a_card_speaks_of_no_target_and_no_history(folder):
    assert not re.findall(r"\b(?:aim|aims|target|so far|todo|issue)\b", body(folder), re.IGNORECASE)


@folders
def test_headline_and_model_index_follow_from_the_results(folder):
    results, headline = read_results(folder), read_headline(folder)
    metadata = read_front_matter(folder / "README.md")
    assert headline_table(results, headline) in body(folder)
    assert metadata["model-index"] == model_index(results, headline, metadata, folder.name)
    assert 1 <= sum(len(row.metrics) for row in headline) <= MAX_FIGURES


@folders
def test_the_tables_follow_from_the_results(folder):
    page = ROOT / "docs" / "results" / f"{folder.name}.md"
    assert results_page(page, folder.name, read_results(folder)) == page.read_text(encoding="utf-8")


@pages
def test_links_lead_to_files(page):
    links = re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A folder with the images that the code of the cards names."""
    pixels = np.random.default_rng(0).integers(0, 255, (6, 8, 3), np.uint8)
    image = Image.fromarray(pixels).resize((200, 150), Image.Resampling.BICUBIC)
    (tmp_path / "holiday").mkdir()
    for name in ("photo.jpg", "first.jpg", "second.jpg", "apple.jpg", "holiday/dogs.jpg"):
        image.save(tmp_path / name)
    for name in ("person.jpg", "outfit.jpg"):
        Image.open(sample_images()["astronaut"]).convert("RGB").save(tmp_path / name)
    monkeypatch.chdir(tmp_path)


@folders
@pytest.mark.usefixtures("workplace")
def test_the_code_of_a_card_runs(folder):
    code = re.search(r"^```python\n(.*?)^```", body(folder), re.DOTALL | re.MULTILINE)[1]
    assert len([line for line in code.splitlines() if line.strip()]) <= 5
    exec(compile(code, f"{folder.name}/README.md", "exec"), {"__name__": folder.name})


def commands(text: str) -> Iterator[list[str]]:
    """Commands of a page, split into words; what is added to a variable belongs to the command before."""
    for block in re.findall(r"^```bash\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        for command in re.split(r"(?=python -m )", block)[1:]:
            yield shlex.split(command.replace("\\\n", " ").replace('"', " "))


@pages
def test_commands_are_those_of_the_project(page):
    """Every module exists, every benchmark is listed, and every option occurs in its capability."""
    for words in commands(page.read_text(encoding="utf-8")):
        module = words[2]
        path = ROOT / f"{module.replace('.', '/')}.py"
        assert path.is_file(), module
        if path.name == "benchmark.py" and not words[3].startswith("-"):
            assert words[3] in importlib.import_module(module).BENCHMARKS
        code = [*path.parent.rglob("*.py"), ROOT / "shared" / "evaluation" / "reports.py"]
        source = "\n".join(file.read_text(encoding="utf-8") for file in code)
        options = [word.partition("=")[0] for word in words if word.startswith("--")]
        names = [f'"{option}"' for option in options]
        if 'f"--{' in source:  # options of a loop
            names = [name if name in source else name.replace("--", "") for name in names]
        assert [name for name in names if name not in source] == []


def network_class(folder: Path) -> type[HubMixin] | None:
    """Class whose name stands in the header of the weights; None for a vocabulary."""
    with safe_open(folder / "model.safetensors", "pt") as file:
        name = file.metadata().get("network")
    for module in pkgutil.walk_packages(networks.__path__, "shared.networks."):
        importlib.import_module(module.name)
    importlib.import_module("shared.retrieval.descriptor.head")
    classes = {subclass.__name__: subclass for subclass in subclasses(HubMixin)}
    return classes[name] if name else None


def subclasses(base: type) -> Iterator[type]:
    """All classes below a class."""
    for subclass in base.__subclasses__():
        yield subclass
        yield from subclasses(subclass)


@folders
def test_a_card_names_the_licence_and_the_number_of_parameters(folder):
    licence = read_licence(folder)
    assert licence in ("cc-by-nc-4.0", "apache-2.0", "mit")
    assert licence.upper().removeprefix("CC-BY-NC-").removesuffix("-4.0") in body(folder).upper()
    network = network_class(folder)
    if network is None:
        return
    count = sum(parameter.numel() for parameter in weights.load(network, folder.name).parameters())
    quoted = re.findall(r"([\d,]+) parameters", body(folder))
    assert quoted in ([], [f"{count:,}"])


@folders
def test_a_network_is_pushed_under_the_licence_of_its_card(folder):
    network = network_class(folder)
    if network is None:
        return
    assert network._hub_mixin_info.model_card_data.license is None  # the class declares none
    loaded = weights.load(network, folder.name)
    assert loaded.generate_model_card().data["license"] == read_licence(folder)


def engines() -> Iterator[Engine]:
    for capability in sorted(path.parent.name for path in (ROOT / "shared").glob("*/engines.py")):
        if capability in ("core", "ui"):
            continue
        for value in vars(importlib.import_module(f"shared.{capability}.engines")).values():
            if isinstance(value, Engine):
                yield value
            elif isinstance(value, MappingProxyType):
                yield from (row for row in value.values() if isinstance(row, Engine))


def test_the_engines_name_the_licence_of_their_weights():
    rows = [row for row in engines() if row.weights and (ROOT / "weights" / row.weights).is_dir()]
    assert rows
    wrong = {
        row.name: row.licence
        for row in rows
        if row.licence != read_licence(ROOT / "weights" / str(row.weights))
    }
    assert wrong == {}


def count_parameters(name: str) -> int:
    """Return the number of parameters of the network of some weights; 0 for weights without a network."""
    network = network_class(ROOT / "weights" / name)
    return sum(parameter.numel() for parameter in weights.load(network, name).parameters()) if network else 0


def test_the_engines_name_the_number_of_their_parameters():
    rows = [row for row in engines() if row.weights and (ROOT / "weights" / row.weights).is_dir()]
    for name in {row.weights for row in rows}:
        total = count_parameters(str(name))
        counts = {row.name: row.parameters for row in rows if row.weights == name}
        if not total:  # a head or a vocabulary on other networks
            assert all(counts.values()), name
        elif len(counts) == 1:
            assert list(counts.values()) == [total], name
        else:  # engines with one of several heads, perhaps together with other weights
            config = weights.read_config(ROOT / "weights" / str(name))
            for other in (config.get("partner"), config.get("recognition")):
                total += count_parameters(other) if other else 0
            assert max(counts.values()) <= total, name
