"""Translation of short texts into English by a dictionary, for text encoders that read English alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from shared.crossmodal.text.dictionary import (
    ACTION,
    ADJECTIVE,
    FUNCTION,
    NOUN,
    NUMBER,
    SPACED_LANGUAGES,
    UNKNOWN,
    Piece,
    dictionaries,
    fold_characters,
    is_kana,
    is_unspaced,
)
from shared.crossmodal.text.inflection import plural

_FUNCTION_WORDS = """
a al am an are at con d de den die door e en es et for has her his in is l no o of or over past s se sin
son te van while y
"""
#: Function words of other languages that look like English words: they do not tell the language.
ENGLISH_FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())
_CONTENT_WORDS = """
ballade ballast ballpark banker banknote bedlam blinder blitz boot bootstrap brood bunt burger
butterball cafe carton cartel cavalier circulation collier conduit content corona coupe cuisine dale
dent die drake eclair fatigue flamenco forte fresco fruitcake gift graze grot hairball handball haven
helm helmsman herder hummer hut kind kindergarten lama lame lancer lava legume lent loupe lowering maize
manger mankind manners mantel mantrap marguerite mars masker matins medusa meerkat mere mince montana
moke mull negro nester notepad palmer patina penman penne pope porter portent potage prate puppeteer
queue raisin rama rate rates rent riches ringer rite rock rockrose rook rota rote sandbank sandbar
sander sands sandglass schema shrimper sierra slang spinner spinster spook sportsman stele stepladder
steppe stations supper tableau tacker tale tambour timbre toboggan ton tonne tons tours trekker tress
tutee vat veld vent ventilator verse wales wastewater waterman waterskin werewolf winder windstorm wits
zit
"""
#: English words that mean something else in another language: English even where a vocabulary lacks them.
ENGLISH_CONTENT_WORDS = frozenset(_CONTENT_WORDS.split())
#: Languages whose adjectives follow the noun.
_ADJECTIVE_LAST = ("fr", "es")
_SINGULAR = ("one",)
_PLACES = frozenset({"in", "on", "under", "next to", "in front of", "behind"})
#: Words after which the place or the object of an unspaced sentence begins.
_PHRASE_BEGINS = frozenset({"在", "が", "は"})

UnknownWords = Callable[[Sequence[str]], Sequence[str]]


def translate(texts: Sequence[str], unknown_words: UnknownWords) -> tuple[str, ...]:
    """Translate texts in one of the dictionary's languages into English; leave all others as they are.

    The language is that with the most known words over all texts. They are translated only if a word is
    foreign to the encoder, if the language has a word for what is in a photo, and if it knows more of the
    words than English does alone. Words that the dictionary lacks stay as they are.

    Args:
        texts: Texts of one writer, such as the terms of a query.
        unknown_words: Returns the words of texts that the encoder's vocabulary lacks, such as
            `shared.crossmodal.embedders.embedder.Embedder.unknown_words`.

    >>> translate(["ein Hund am Strand", "Boot"], lambda texts: ("ein", "hund"))
    ('a dog on the beach', 'boat')
    >>> translate(["a red Boot"], lambda texts: ())
    ('a red Boot',)
    """
    characters = fold_characters("".join(texts))
    if any(map(is_unspaced, characters)):
        languages: Sequence[str] = ("ja", "zh") if any(map(is_kana, characters)) else ("zh", "ja")
    else:
        languages = SPACED_LANGUAGES
    readings = {language: [dictionaries()[language].read(text) for text in texts] for language in languages}
    language = max(languages, key=lambda language: _coverage(readings[language]))
    pieces = [piece for reading in readings[language] for piece in reading]
    if not _has_content(pieces) or (languages == SPACED_LANGUAGES and _is_english(pieces, unknown_words)):
        return tuple(texts)
    translated = (_arrange(reading, language) for reading in readings[language])
    return tuple(english or text for english, text in zip(translated, texts, strict=True))


def _coverage(readings: Iterable[Sequence[Piece]]) -> tuple[int, int]:
    """Return the number of words, or characters, with a translation less those without, and -pieces."""
    pieces = [piece for reading in readings for piece in reading]
    return sum(-_size(piece) if piece.kind == UNKNOWN else _size(piece) for piece in pieces), -len(pieces)


def _size(piece: Piece) -> int:
    """Return the number of words of a piece, or that of its characters where these are words."""
    return len(piece.source[0]) if is_unspaced(piece.source[0][0]) else len(piece.source)


def _is_same(piece: Piece) -> bool:
    """Return True for a word that is the same one in English."""
    return " ".join(piece.source) == piece.text.lower()


def _has_content(pieces: Iterable[Piece]) -> bool:
    """Return True if a word for what is in a photo is another one in English."""
    return any(piece.kind not in (UNKNOWN, FUNCTION) and not _is_same(piece) for piece in pieces)


def _is_english(pieces: Sequence[Piece], unknown_words: UnknownWords) -> bool:
    """Return True for a text with spaces that English explains at least as well as the dictionary."""
    words = [word for piece in pieces for word in piece.source]
    translated = [piece for piece in pieces if piece.kind != UNKNOWN and not _is_same(piece)]
    translated_words = [word for piece in translated for word in piece.source]
    foreign = set(unknown_words([" ".join(words)])) - ENGLISH_CONTENT_WORDS
    for piece in translated:
        if piece.kind == FUNCTION:
            foreign.update(set(piece.source) - ENGLISH_FUNCTION_WORDS)
        elif piece.has_accent:
            foreign.update(set(piece.source) - ENGLISH_CONTENT_WORDS)
    english = [
        piece
        for piece in pieces
        if piece.kind == UNKNOWN and piece.source[0] not in foreign and not piece.text.isdecimal()
    ]
    return not foreign.intersection(translated_words) or len(english) >= len(translated_words)


def _arrange(pieces: Sequence[Piece], language: str) -> str:
    """Return the English text of a reading: words in English order, articles and plurals adapted."""
    if language in _ADJECTIVE_LAST:
        pieces = _adjectives_first(pieces)
    elif language not in SPACED_LANGUAGES:
        pieces = _place_last(_object_last(pieces))
    words: list[str] = []
    many = False
    for piece in pieces:
        if not piece.text:
            continue
        text = plural(piece.text) if many and piece.kind == NOUN else piece.text
        if piece.kind == NUMBER:
            many = piece.text not in _SINGULAR
        elif piece.kind != ADJECTIVE:
            many = False
        if words and words[-1] == "a" and text[0].lower() in "aeiou":
            words[-1] = "an"
        words.append(text)
    return " ".join(words)


def _adjectives_first(pieces: Sequence[Piece]) -> list[Piece]:
    """Move the adjectives that follow a noun, or an unknown word, in front of it, the last one first."""
    arranged: list[Piece] = []
    noun: int | None = None  # position of the noun before this piece, or of its first adjective
    for piece in pieces:
        if piece.kind == ADJECTIVE and noun is not None:
            arranged.insert(noun, piece)
            continue
        noun = len(arranged) if piece.kind in (NOUN, UNKNOWN) else None
        arranged.append(piece)
    return arranged


def _object_last(pieces: Sequence[Piece]) -> list[Piece]:
    """Move an action and its object behind whoever does it: "wearing hat man" is a man wearing a hat."""
    arranged = list(pieces)
    for index, piece in enumerate(arranged):
        if piece.source[0] == "的":  # 戴帽子的男人
            actions = [start for start in range(index - 1) if arranged[start].kind == ACTION]
            if actions:
                start = actions[0]
                return [*arranged[:start], *arranged[index + 1 :], *arranged[start:index]]
        if piece.source[0] == "を" and [word.kind for word in arranged[index + 1 : index + 2]] == [ACTION]:
            start = _phrase_start(arranged, index)  # 傘を持った女性
            action = [arranged[index + 1], *arranged[start:index]]
            return _moved(arranged[:start], action, arranged[index + 2 :])
    return arranged


def _place_last(pieces: Sequence[Piece]) -> list[Piece]:
    """Move the place to the end, and its preposition in front of it: "beach on dog" is a dog on a beach."""
    arranged = list(pieces)
    for index, piece in enumerate(arranged):
        if piece.kind == FUNCTION and piece.text in _PLACES and index:
            start = _phrase_start(arranged, index)
            return _moved(arranged[:start], [piece, *arranged[start:index]], arranged[index + 1 :])
    return arranged


def _phrase_start(pieces: Sequence[Piece], end: int) -> int:
    """Return where the phrase begins that ends at a position."""
    return max((start + 1 for start in range(end) if pieces[start].source[0] in _PHRASE_BEGINS), default=0)


def _moved(before: list[Piece], phrase: list[Piece], after: list[Piece]) -> list[Piece]:
    """Return a text with a phrase after the noun that it describes, which stands before it or after it."""
    return [*before, *phrase, *after] if any(piece.text for piece in before) else [*after, *phrase]
