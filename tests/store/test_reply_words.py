"""How texts become words, and queries become expressions."""

import pytest

from store.reply_words import postgres_query, postgres_words, sqlite_query, sqlite_words


def test_every_pair_is_a_word_and_the_last_character_stands_alone() -> None:
    assert sqlite_words("紅茶だ", "a") == "紅茶 茶だ だ a"
    assert sqlite_words("紅茶\u3000猫\u200b\n") == "紅茶 茶 猫"
    assert set(postgres_words("紅茶").split()) == {"'紅茶':1", "'紅':1", "'茶':2"}


@pytest.mark.parametrize(
    ("text", "sqlite", "postgres"),
    [
        ("猫", '"猫"*', "('猫')"),
        ("ネコ", '"ねこ"', "('ねこ')"),
        ("紅茶だ", '"紅茶 茶だ"', "('紅茶' <-> '茶だ')"),
        ("紅茶 猫", '"紅茶" "猫"*', "('紅茶') & ('猫')"),
        ('"\\', '"""\\"', "('\"\\\\')"),
        ("it's", "\"it t' 's\"", "('it' <-> 't''' <-> '''s')"),
        (" \u3000\t", "", ""),
    ],
)
def test_queries_find_whole_texts_between_spaces(text: str, sqlite: str, postgres: str) -> None:
    assert (sqlite_query(text), postgres_query(text)) == (sqlite, postgres)
