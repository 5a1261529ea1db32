"""The shipped card, and one clear sentence for each way a card can be wrong."""

import re
from pathlib import Path

import pytest

from persona.card import SHIPPED_CARD, load_card
from persona.errors import CardError

SHIPPED_TEXT = (SHIPPED_CARD / "card.toml").read_text(encoding="utf-8")

# What the seed document says of her, each with a word that must be in one of the first facts.
SEED_WORDS = (
    "小野寺 絢音",
    "17歳",
    "高校",
    "東京",
    "ミュージカルを観る",
    "夢見て",
    "不動産",
    "アメリカ",
    "バイオリン",
    "長野で暮らして",
    "祖父と一緒",
)


def written(folder: Path, text: str) -> Path:
    (folder / "card.toml").write_text(text, encoding="utf-8")
    return folder


def changed(folder: Path, old: str, new: str) -> Path:
    assert old in SHIPPED_TEXT
    return written(folder, SHIPPED_TEXT.replace(old, new, 1))


def test_the_shipped_card_is_hers() -> None:
    card = load_card(SHIPPED_CARD)
    assert (card.id, card.name, card.age) == ("ayane", "小野寺 絢音", 17)
    assert card.first_person == "わたくし"
    assert card.safety_rating == "all_ages"
    assert card.folder == SHIPPED_CARD
    assert {"ですわ", "ますわ", "ですの"} <= set(card.endings)


def test_the_seed_facts_come_first_and_there_are_at_least_61() -> None:
    card = load_card(SHIPPED_CARD)
    assert card.seed_facts == len(SEED_WORDS) == 11
    for word, fact in zip(SEED_WORDS, card.facts[: card.seed_facts], strict=True):
        assert word in fact
    assert len(card.facts) >= 61


def test_the_greeting_is_in_her_voice() -> None:
    card = load_card(SHIPPED_CARD)
    assert any(ending in card.greeting for ending in card.endings)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("age = 17", 'age = "17"', r"age is '17'; expected a valid integer"),
        ("age = 17\n", "", r"age is missing; expected it as in"),
        ("age = 17", "aeg = 3\nage = 17", r"aeg is not a field of a card; expected one of id, "),
        (
            'safety_rating = "all_ages"',
            'safety_rating = "adults"',
            r"safety_rating is 'adults' for a persona aged 17; expected 'all_ages' below 18",
        ),
        ('id = "ayane"', 'id = "../x"', r"id is '\.\./x'; expected 1-32 characters of a-z"),
        (
            '"絢音の年齢は17歳である。"',
            '"絢音は17歳である。東京にいる。"',
            r"facts\[1\] is '.*'; expected one sentence of 6-80 characters",
        ),
        (
            '"絢音の年齢は17歳である。"',
            '"絢音は高校に通う二年生である。"',
            r"facts hold '絢音は高校に通う二年生である。' twice",
        ),
        ("seed_facts = 11", "seed_facts = 900", r"seed_facts is 900 but there are \d+ facts"),
        ('first_person = "わたくし"', 'first_person = "私"', r"first_person '私' is also in"),
        ('"ですわ", "ますわ"', '"ですわ", "だよ"', r"both hold 'だよ'; expected no overlap"),
    ],
)
def test_each_fault_is_one_sentence(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    folder = changed(tmp_path, old, new)
    with pytest.raises(CardError) as caught:
        load_card(folder)
    message = str(caught.value)
    assert message.startswith(str(folder / "card.toml"))
    assert re.search(sentence, message)
    assert "\n" not in message


def test_a_missing_broken_or_misencoded_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CardError, match=r"card\.toml cannot be read"):
        load_card(tmp_path)
    with pytest.raises(CardError, match="not valid TOML"):
        load_card(written(tmp_path, "id = "))
    (tmp_path / "card.toml").write_bytes("名前".encode("shift_jis"))
    with pytest.raises(CardError, match="not UTF-8"):
        load_card(tmp_path)


def test_expected_traits_are_read_and_may_be_left_out(tmp_path: Path) -> None:
    assert dict(load_card(SHIPPED_CARD).big_five)["openness"] == "high"
    without = SHIPPED_TEXT[: SHIPPED_TEXT.index("[big_five]")]
    assert load_card(written(tmp_path, without)).big_five == ()


def test_an_unknown_level_is_named(tmp_path: Path) -> None:
    text = SHIPPED_TEXT.replace('openness = "high"', 'openness = "huge"')
    with pytest.raises(CardError, match=r"big_five\S*openness is 'huge'"):
        load_card(written(tmp_path, text))
