"""Front matter: what is written is read back, and the text below it stays."""

import pytest
from huggingface_hub import metadata_load

from shared.core.front_matter import FrontMatterError, read_front_matter, read_licence, write_front_matter

CARD = "---\nlicense: mit\ntags:\n- edges\n- café\n---\n\n# Title\n\n---\n\nBelow a rule.\n"


@pytest.fixture
def card(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(CARD, encoding="utf-8")
    return path


def test_keys_are_those_that_hugging_face_reads(card):
    assert read_front_matter(card) == metadata_load(card) == {"license": "mit", "tags": ["edges", "café"]}


def test_windows_files_are_read(card):
    card.write_bytes(b"\xef\xbb\xbf" + CARD.replace("\n", "\r\n").encode())
    assert read_front_matter(card)["license"] == "mit"


@pytest.mark.parametrize("text", ["# Title\n", "", "# Title\n\n---\na: b\n---\n", "---\n---\n"])
def test_a_file_without_front_matter_has_no_keys(card, text):
    card.write_text(text)
    assert read_front_matter(card) == {}


def test_written_keys_are_read_back_and_the_text_stays(card):
    keys = {"license": "mit", "model-index": [{"name": "x", "results": [{"value": 0.1 + 0.2, "é": None}]}]}
    write_front_matter(card, keys)
    assert list(read_front_matter(card).items()) == list(keys.items())
    assert metadata_load(card) == keys
    assert card.read_text(encoding="utf-8").endswith("\n---\n\n# Title\n\n---\n\nBelow a rule.\n")


def test_front_matter_is_put_above_a_text_without(card):
    card.write_text("# Title\n")
    write_front_matter(card, {"license": "mit"})
    assert card.read_text() == "---\nlicense: mit\n---\n\n# Title\n"


@pytest.mark.parametrize(
    ("block", "reason"), [("a: [", "cannot be read"), ("- a\n- b", "must hold keys, not a list")]
)
def test_broken_front_matter_is_an_error_that_names_the_file(card, block, reason):
    card.write_text(f"---\n{block}\n---\n")
    with pytest.raises(FrontMatterError, match=rf"front matter of .*README\.md {reason}"):
        read_front_matter(card)


def test_the_licence_is_that_of_the_card(card):
    assert read_licence(card.parent) == "mit"
    card.write_text("# Title\n")
    assert read_licence(card.parent) is None
    assert read_licence(card.parent / "missing") is None
