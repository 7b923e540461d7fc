"""Translation of queries into English by the dictionary."""

from collections import defaultdict

import pytest

from shared.crossmodal.benchmarks.openworld import read_queries
from shared.crossmodal.sentences import everyday_sentences
from shared.crossmodal.text import translation
from shared.crossmodal.text.dictionary import (
    ACTION,
    ADJECTIVE,
    LANGUAGES,
    NOUN,
    NUMBER,
    form_words,
    read_table,
)
from shared.crossmodal.text.words import split_words, unknown_words

ROWS = read_table("translations.tsv")
FUNCTION_ROWS = read_table("function_words.tsv")
ENGLISH = [*everyday_sentences(), *(query.text for query in read_queries())]
#: Vocabulary of an encoder: the words of English sentences, and some that other languages have as well.
VOCABULARY = {word for text in [*ENGLISH, *(row["english"] for row in ROWS)] for word in split_words(text)}
VOCABULARY |= {"strand", "chat", "pan", "sol", "main", "an", "photo", "of", "selfie"}


def translate(*texts):
    return translation.translate(texts, lambda texts: unknown_words(texts, VOCABULARY))


def test_each_concept_has_words_in_all_languages():
    assert len(ROWS) >= 450
    assert all(form.strip() for row in ROWS for language in LANGUAGES for form in row[language].split(";"))
    assert {row["kind"] for row in ROWS} == {NOUN, ADJECTIVE, ACTION, NUMBER}
    assert len({(row["kind"], row["english"]) for row in ROWS}) == len(ROWS)


def test_a_word_has_one_meaning_in_a_language():
    meanings = defaultdict(set)
    for row in ROWS:
        for language in LANGUAGES:
            for form in row[language].split(";"):
                meanings[language, form_words(form, language)].add(row["english"])
    for row in FUNCTION_ROWS:
        assert row["language"] in LANGUAGES
        for form in row["forms"].split(";"):
            meanings[row["language"], form_words(form, row["language"])].add(row["english"])
    assert {key: words for key, words in meanings.items() if len(words) > 1} == {}
    assert all(words for _, words in meanings)


@pytest.mark.parametrize(
    ("text", "english"),
    [
        ("ein Hund am Strand", "a dog on the beach"),
        ("Hund", "dog"),
        ("HUNDE", "dog"),
        ("zwei Hunde spielen im Schnee", "two dogs playing in the snow"),
        ("rotes Auto", "red car"),
        ("der schwarze Kater schläft auf dem Sofa", "the black cat sleeping on the sofa"),
        ("Schneeberg", "snow mountain"),
        ("Hundefoto", "dog photo"),
        ("Haeuser", "house"),
        ("Rechnung", "invoice"),
        ("Bildschirmfoto", "screenshot"),
        ("Frau mit Hut", "woman with hat"),
        ("junge Frau", "young woman"),
        ("ein Junge spielt Fußball", "a boy playing soccer"),
        ("Eiffelturm bei Nacht", "Eiffel tower at night"),
        ("ein Apfel, drei Äpfel", "an apple three apples"),
        ("ein Strand", "a beach"),
        ("Hund mit Wuschelbommel", "dog with Wuschelbommel"),
        ("chien noir", "black dog"),
        ("un chien noir et blanc", "a black and white dog"),
        ("le chat", "the cat"),
        ("une femme assise sur un banc", "a woman sitting on a bench"),
        ("petite maison en bois", "small wooden house"),
        ("zzyzx rouge", "red zzyzx"),
        ("l'eau bleue", "the blue water"),
        ("arc-en-ciel", "rainbow"),
        ("pommes de terre", "potato"),
        ("deux chevaux blancs", "two white horses"),
        ("coucher de soleil sur la mer", "sunset on the sea"),
        ("capture d'écran", "screenshot"),
        ("téléphone portable", "cellphone"),
        ("gato en la cama", "cat in the bed"),
        ("un perro negro grande", "a big black dog"),
        ("niños jugando en el parque", "children playing in the park"),
        ("casa de madera", "wooden house"),
        ("flores amarillas", "yellow flower"),
        ("luces de la ciudad", "light of the city"),
        ("tres pájaros", "three birds"),
        ("el pan", "the bread"),
        ("coche rojo", "red car"),
        ("hombre montando a caballo", "man riding a horse"),
        ("een rode fiets", "a red bicycle"),
        ("twee katten op de bank", "two cats on the bench"),
        ("bomen", "tree"),
        ("oude huizen", "old house"),
        ("kinderen spelen in de sneeuw", "children playing in the snow"),
        ("een vrouw die fietst", "a woman cycling"),
        ("bloemen in een vaas", "flower in a vase"),
        ("zonsondergang", "sunset"),
        ("海滩上的狗", "dog on beach"),
        ("猫", "cat"),
        ("貓", "cat"),
        ("红色的车", "red car"),
        ("两只猫", "two cats"),
        ("一只狗在海滩上跑步", "a dog on beach running"),
        ("戴帽子的男人", "man wearing hat"),
        ("雪中的狗", "dog in snow"),
        ("發票", "invoice"),
        ("日落，海", "sunset sea"),
        ("犬", "dog"),
        ("ねこ", "cat"),
        ("ﾈｺ", "cat"),
        ("赤い車", "red car"),
        ("ベッドの上の猫", "cat on bed"),
        ("犬が走っている", "dog running"),
        ("二匹の猫", "two cats"),
        ("花火", "fireworks"),
        ("木の下の子供たち", "children under tree"),
        ("赤い傘を持った女性", "woman holding red umbrella"),
        ("富士の写真", "富士 photo"),
        ("a photo of 猫", "a photo of cat"),
    ],
)
def test_a_phrase_is_translated(text, english):
    assert translate(text) == (english,)


def test_english_sentences_stay_as_they_are():
    assert [translate(text)[0] for text in ENGLISH] == ENGLISH
    assert translate(*ENGLISH) == tuple(ENGLISH)


@pytest.mark.parametrize(
    "text",
    [
        *("die", "Boot", "hut", "Gift", "kind", "rock", "Strand", "chat", "meerkat", "a café", "zzyzx", ""),
        *("a man in a mantel", "Los Angeles street", "Las Vegas hotel", "a taxi - 2", "X-Ray  of a  Hand"),
        "כלב על החוף",
    ],
)
def test_a_text_without_foreign_words_stays_as_it_is(text):
    assert translate(text) == (text,)


def test_all_texts_together_decide_the_language():
    assert translate("Strand") == ("Strand",)
    assert translate("Hund", "Strand", "Boot") == ("dog", "beach", "boat")
    assert translate("gato", "pan", "zzyzx") == ("cat", "bread", "zzyzx")
