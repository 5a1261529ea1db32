"""The classifier of her voice: what it is told, what it learns, and what the shipped one knows."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from persona.dialogues import read_card_rows
from persona.importers.realpersonachat import LICENCE
from persona.importers.report import ImportedRow, Message, Rating
from rlaif.errors import EvaluatorError
from rlaif.fault_phrases import OTHER_SPEAKERS_HELD_OUT
from rlaif.persona_likeness import (
    SHIPPED_LIKENESS,
    likeness,
    load_likeness,
    masked,
    model_json,
)
from rlaif.persona_likeness_data import (
    REVOICED,
    LikenessExample,
    her_replies,
    revoiced,
    with_her_pronoun,
    worded,
)
from rlaif.persona_likeness_fit import LikenessRun, LikenessSettings, fit_likeness, told_right
from rlaif.persona_likeness_revoice import (
    as_friends_talk,
    other_speaker,
    plain_endings,
    plain_polite,
    swapped_pronoun,
)
from tests.rlaif.interview_kit import CARD

ROWS = read_card_rows(CARD.folder)
HELD_OUT = [row for row in ROWS if row.split != "train"]
SHIPPED = load_likeness(SHIPPED_LIKENESS, CARD)


def _run(rows: list, **changes: object) -> LikenessRun:
    plain = LikenessRun(
        card=CARD, rows=rows, people=(), fit_people=False, settings=LikenessSettings(),
        report=lambda _stage, _share: None,
    )  # fmt: skip
    return replace(plain, **changes)  # type: ignore[arg-type]


def _some_rows(count: int) -> list:
    rng = random.Random(1)
    train = [row for row in ROWS if row.split == "train"]
    return [*rng.sample(train, count), *rng.sample(HELD_OUT, 120)]


def _people(count: int) -> list[ImportedRow]:
    turns = [
        Message(
            role="user" if at % 2 == 0 else "assistant", content=f"今日は{at}時に駅まで歩きました。"
        )
        for at in range(8)
    ]
    return [
        ImportedRow(
            id=f"chat-{at}", messages=tuple(turns), licence=LICENCE, speaker=f"p{at}b",
            ratings=tuple(
                Rating(rater=f"p{at}{side}", scores=(("satisfaction", 4),)) for side in "ab"
            ),
        )
        for at in range(count)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("reply", "polite", "plain"),
    [
        ("長野へ参りますわ。", "長野へ参ります。", "長野へ参るよ。"),
        ("猫ですのよ。好きですわ。", "猫です。好きです。", "猫だよ。好きだよ。"),
        ("おいしいですわね。", "おいしいです。", "おいしいね。"),
        ("見ておりませんの？", "見ておりません？", "見ておらないよ？"),
        ("買いましたわ！", "買いました！", "買ったよ！"),
        ("そうかしら。", "そうかな。", "そうかな。"),
        ("お待ちくださいませ。", "お待ちください。", "お待ちくれ。"),
    ],
)
def test_her_replies_in_other_voices(reply: str, polite: str, plain: str) -> None:
    assert plain_polite(reply) == polite
    assert plain_endings(reply) == plain


def test_a_pronoun_is_replaced_or_put_in_front() -> None:
    assert swapped_pronoun("わたくしは猫派ですわ。", "僕") == "僕は猫派ですわ。"
    assert swapped_pronoun("猫ですわ。", "僕") == "僕、猫ですわ。"
    (one,) = with_her_pronoun(
        [LikenessExample(text="猫ですわ。", hers=True, origin="hers", group="g")], "わたくし"
    )
    assert one.text == "わたくし、猫ですわ。"


def test_what_a_text_is_about_is_hidden_and_how_it_is_said_is_not() -> None:
    assert masked("長野でバイオリンを弾きますわ") == masked("東京でピアノを習きますわ")
    assert masked("僕は猫です") != masked("私は猫です")
    assert masked("猫です") != masked("猫ですわ")


def test_no_reply_of_another_voice_is_the_same_as_hers() -> None:
    hers = her_replies(HELD_OUT)
    texts = {one.text for one in hers}
    for origin in REVOICED:
        others = revoiced(hers, origin, "held_out", random.Random(2))
        assert len(others) > 0.9 * len(hers)
        assert not texts & {one.text for one in others}
        assert not any(one.hers for one in others)


def test_wordings_of_the_two_halves_differ() -> None:
    rng = random.Random(3)
    rows = ROWS[:1]  # the same blanks on both sides
    fit = {one.text for one in worded(rows, "fit", rng, 50)}
    held_out = {one.text for one in worded(rows, "held_out", rng, 50)}
    assert fit
    assert held_out
    assert not fit & held_out


def test_it_learns_her_voice_and_measures_it_on_topics_put_aside() -> None:
    model, figures = fit_likeness(_run(_some_rows(300)))
    assert figures.accuracy.value >= 0.95
    assert figures.accuracy.n == 2 * figures.right["hers"].n
    assert figures.fitted["hers"] > 300  # some of them with her pronoun in front
    assert "rare_pronoun" not in figures.fitted
    assert "people" not in figures.right
    assert likeness(model, CARD, "わたくし、雨が好きですわ。") > 0.9


def test_people_are_measured_with_and_only_on_wish_fitted_on() -> None:
    rows = _some_rows(150)
    _, apart = fit_likeness(_run(rows, people=_people(40)))
    assert "people" not in apart.fitted
    assert apart.right["people"].n > 0
    _, together = fit_likeness(_run(rows, people=_people(40), fit_people=True))
    assert together.fitted["people"] > 0
    # A speaker is on one side: 12 of 40 pairs of raters are aside as a whole at most.
    assert together.fitted["people"] + together.right["people"].n <= 80


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(EvaluatorError, match="expected 100 each"):
        fit_likeness(_run(ROWS[:50]))


def test_the_shipped_model_tells_voices_apart_on_unseen_topics() -> None:
    rng = random.Random(4)
    hers = her_replies(HELD_OUT)

    def is_hers(text: str) -> bool:
        return likeness(SHIPPED, CARD, text) >= 0.5

    examples = [*hers]
    for origin in REVOICED:
        examples += revoiced(hers, origin, "held_out", rng)
    for origin, right in told_right(is_hers, examples).items():
        assert right.value >= 0.95, origin


@pytest.mark.parametrize(
    ("text", "hers"),
    [
        ("わたくしは紅茶を淹れておりますわ。", True),
        ("あら、雨が上がりましたのね。", True),
        ("僕は紅茶を淹れておりますわ。", False),
        ("わたくし、紅茶を淹れてるよ。", False),
        ("紅茶を淹れています。", False),
        ("ご質問ありがとうございます。お手伝いいたします。", False),
        ("", False),
    ],
)
def test_the_shipped_model(text: str, hers: bool) -> None:
    assert (likeness(SHIPPED, CARD, text) >= 0.5) == hers


def test_the_shipped_file_says_what_it_knows_and_is_small() -> None:
    assert SHIPPED_LIKENESS.stat().st_size < 200_000
    accuracy = SHIPPED.about["accuracy"]
    assert isinstance(accuracy, dict)
    assert accuracy["low"] >= 0.95
    assert "people" not in str(SHIPPED.about["fitted_on"])


def test_written_and_read_it_is_the_same_model(tmp_path: Path) -> None:
    path = tmp_path / "likeness.json"
    path.write_text(model_json(SHIPPED), encoding="utf-8")
    assert load_likeness(path, CARD) == SHIPPED


def test_another_register_and_other_files_are_refused(tmp_path: Path) -> None:
    other = replace(CARD, id="other", endings=("でごわす",))
    with pytest.raises(EvaluatorError, match="fitted for the register of the card 'ayane'"):
        load_likeness(SHIPPED_LIKENESS, other)
    for content in (b"", b"{}", b"\xff"):
        path = tmp_path / "broken.json"
        path.write_bytes(content)
        with pytest.raises(EvaluatorError, match="no likeness model"):
            load_likeness(path, CARD)


def test_speakers_put_aside_have_their_own_endings() -> None:
    said = other_speaker(OTHER_SPEAKERS_HELD_OUT)("わたくしは猫が好きですわ。", random.Random(0))
    assert said != "わたくしは猫が好きですわ。"
    assert as_friends_talk("猫ですわ。", random.Random(0)).endswith("猫だよ。")
