"""Commands that answer in words, with the weights of the project."""

import json
import re

from PIL import Image


def test_the_cat_is_a_cat(run):
    result = run("classify", "cat.jpg")
    assert (result.code, len(result.lines)) == (0, 5)
    assert re.fullmatch(r" *\d+%  .*cat.*", result.lines[0])
    percentages = [int(line.partition("%")[0]) for line in result.lines]
    assert percentages == sorted(percentages, reverse=True)


def test_lines_about_several_photos_begin_with_the_path(run):
    result = run("classify", "-k", "1", "cat.jpg", "lion.jpg", "-q")
    cat, lion = result.lines
    assert re.fullmatch(r"cat\.jpg: .*cat.*", cat)
    assert re.fullmatch(r"lion\.jpg: .*lion.*", lion)
    assert result.errors == ""


def test_classes_are_printed_as_json(run):
    (line,) = run("classify", "lion.jpg", "--json", "-k", "2").lines
    values = json.loads(line)
    assert values["path"] == "lion.jpg"
    assert values["predictions"][0]["label"] == "lion"


def test_regions_are_printed_and_drawn(run):
    assert re.fullmatch(r" *\d+%  cat", run("segment", "cat.jpg").lines[0])
    result = run("segment", "cat.jpg", "-o", "classes.png", "--show", "classes")
    assert result.lines == ["classes.png"]
    assert "cat.jpg: cat" in result.errors
    classes = Image.open("classes.png")
    assert (classes.mode, classes.size) == ("P", (451, 300))
    assert classes.getpixel((225, 150)) == 8  # PASCAL VOC's cat


def test_a_photo_is_described_in_sentences_and_tags(run):
    result = run("describe", "cat.jpg")
    assert re.fullmatch(r" *\d+%  .*\b(cat|tabby)\b.*\.", result.lines[0])
    assert re.fullmatch(r" *\d+%  .*\bcat", run("describe", "cat.jpg", "--tags").lines[0])
    sentences = ("--sentence", "A rocket takes off.", "--sentence", "A cat looks at the camera.")
    assert run("describe", "cat.jpg", *sentences).lines[0].endswith("A cat looks at the camera.")
