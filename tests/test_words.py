"""Words of the code: names are nouns and verbs of the trade, and docstrings state a contract."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = [
    *(ROOT / "shared").rglob("*.py"),
    *(ROOT / "spaces").rglob("*.py"),
    ROOT / "app.py",
    *(ROOT / "tests").rglob("*.py"),
]

#: Names that say nothing about a value: pronouns, participles, adverbs and empty words.
VAGUE_NAMES = {
    *("one", "other", "each", "every", "both", "few", "more", "rest", "also"),
    *("found", "given", "told", "kept", "seen", "made", "known", "wanted", "gone", "said", "asked", "looked"),
    *("spent", "took", "turned", "begun", "ended"),
    *("here", "there", "beside", "together", "apart", "alike", "sure", "fine", "usual"),
    *("way", "thing", "things", "look", "looks", "own", "stays"),
}
#: First words of docstrings that ask a question, or point at something, in place of an action or an object.
QUESTION_WORDS = {"what", "how", "whether", "which", "where", "who", "whose", "whom", "why"}
QUESTION_WORDS |= {"that", "these", "this", "those"}


@dataclass
class WordCount:
    """Numbers of names and docstrings in some files."""

    names: int = 0
    vague: int = 0
    docstrings: int = 0
    questions: int = 0

    def add(self, source: str) -> None:
        """Count the words of a Python source."""
        for node in ast.walk(ast.parse(source)):
            for name in assigned_names(node):
                self.names += 1
                self.vague += name in VAGUE_NAMES
            text = docstring(node)
            if text:
                self.docstrings += 1
                self.questions += first_word(text) in QUESTION_WORDS

    def within(self, max_vague: float, max_questions: float) -> bool:
        """Compare with the largest fractions, 0..1; small packages may have one of each."""
        few_vague = self.vague <= max(max_vague * self.names, 1)
        return few_vague and self.questions <= max(max_questions * self.docstrings, 1)


def assigned_names(node: ast.AST) -> Iterator[str]:
    """Return the names of variables and parameters that a node introduces."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, ast.arg) and node.arg not in ("self", "cls"):
        yield node.arg


def docstring(node: ast.AST) -> str | None:
    """Return the docstring of a module, class or function."""
    if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        return ast.get_docstring(node)
    return None


def first_word(text: str) -> str:
    """Return the first word of a text in lower case."""
    return re.findall(r"[a-z]+|$", text.lower())[0]


def package_of(path: Path) -> str:
    """Return the first two parts of a path, such as `shared/core`, or `tests` for a file in it."""
    parts = path.relative_to(ROOT).parts
    return "/".join(parts[:2]) if len(parts) > 2 else parts[0]


def count_words() -> dict[str, WordCount]:
    counts: dict[str, WordCount] = {}
    for path in SOURCES:
        counts.setdefault(package_of(path), WordCount()).add(path.read_text(encoding="utf-8"))
    return counts


COUNTS = count_words()


def test_names_and_docstrings_are_counted():
    count = WordCount()
    count.add('"""What it does."""\n')
    count.add('def f(self, given, path):\n    """Return a sum."""\n    found, total = 1, 2\n')
    assert count == WordCount(names=4, vague=2, docstrings=2, questions=1)


def test_words_of_the_project():
    total = sum((Counter(vars(count)) for count in COUNTS.values()), Counter())
    assert total["vague"] <= 0.005 * total["names"]
    assert total["questions"] <= 0.01 * total["docstrings"]


@pytest.mark.parametrize("package", sorted(COUNTS))
def test_words_of_a_package(package):
    assert COUNTS[package].within(max_vague=0.01, max_questions=0.02), COUNTS[package]
