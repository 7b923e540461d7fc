"""Tables of engines."""

from dataclasses import FrozenInstanceError

import pytest

from shared.core.engines import Engine, deferred, deferred_row, find, table


def load_list(**options):
    return [options]


ENGINES = table(
    Engine("new", "New", "the best one", load_list, weights="some-weights"),
    Engine("old", "Old", "nothing learned", load_list),
    Engine("far", "Far", "from the Hub", load_list, weights="someone/something", from_hub=True),
)


def test_engines_keep_their_order():
    assert list(ENGINES) == ["new", "old", "far"]
    assert [engine.title for engine in ENGINES.values()] == ["New", "Old", "Far"]


def test_an_engine_is_found_by_its_name():
    assert find(ENGINES, "new") == Engine("new", "New", "the best one", load_list, "some-weights")
    assert find(ENGINES, "old").weights is None
    assert find(ENGINES, "far").from_hub


def test_a_row_loads_its_model():
    assert find(ENGINES, "old").load(device="cpu") == [{"device": "cpu"}]
    with pytest.raises(TypeError, match="load"):
        Engine("empty", "Empty", "has no factory")


@pytest.mark.parametrize("name", ["New", "", "newer"])
def test_an_unknown_engine_is_an_error_with_all_names(name):
    with pytest.raises(ValueError, match=f"one of new, old, far, received '{name}'"):
        find(ENGINES, name)


def test_tables_and_rows_are_immutable():
    with pytest.raises(TypeError):
        ENGINES["newer"] = ENGINES["new"]
    with pytest.raises(FrozenInstanceError):
        ENGINES["new"].description = "the worst one"


def test_deferred_factories_import_their_class_when_they_are_called():
    imports, calls = [], []

    class Predictor:
        @classmethod
        def load(cls, **options):
            calls.append(options)
            return cls()

    def import_class():
        imports.append(True)
        return Predictor

    load = deferred(import_class)
    assert imports == []
    assert isinstance(load(device="cpu"), Predictor)
    assert calls == [{"folder": None, "device": "cpu", "allow_hub": False}]


def test_a_row_passes_itself_to_its_class():
    calls = []

    class Predictor:
        @classmethod
        def load(cls, row, **options):
            calls.append((row.name, options))
            return cls()

    rows = table(
        Engine("near", "Near", "here", deferred_row(lambda: Predictor, lambda: rows["near"])),
        Engine("far", "Far", "there", deferred_row(lambda: Predictor, lambda: rows["far"]), from_hub=True),
    )
    assert isinstance(rows["near"].load(device="cpu", allow_hub=True), Predictor)
    assert isinstance(rows["far"].load(folder="here", allow_hub=False), Predictor)
    assert calls == [
        ("near", {"folder": None, "device": "cpu", "allow_hub": True}),
        ("far", {"folder": "here", "device": None}),
    ]
