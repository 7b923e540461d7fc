"""The readers of pictures that come with words, by the names that command lines give them."""

from __future__ import annotations

from shared.crossmodal.data.datasets import read_fashion, read_flickr8k, read_grocery_texts
from shared.crossmodal.data.named_things import read_named

READERS = {
    "flickr8k": read_flickr8k,
    "grocery": read_grocery_texts,
    "fashion": read_fashion,
    "named": read_named,
}
