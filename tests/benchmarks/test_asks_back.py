"""The planted rule says what it claims to say."""

import pytest

from persona.engine import Message
from rlaif.evaluator import Assessment, Dialogue
from tests.benchmarks.asks_back import AsksBack, asking_points


@pytest.mark.parametrize(
    ("reply", "points"),
    [
        ("お皿は待つほど頑固になりますのよ。何枚ありますの？", 10.0),
        ("よろしゅうございました。続きはどうなさるのですか。", 10.0),
        ("何で揉めましたの？お夕飯の湯気が気まずい夜ですわね。", 7.0),
        ("一つだけ聞かせてくださいまし。", 7.0),
        ("夜に静かに物を作る方かしら。", 4.0),
        ("地味で粋でしょう？", 4.0),
        ("それは困りますわね。", 0.0),
        ("つい「心をですの？」と返しかけますの。", 0.0),
        ("そうですわ。 ？？？", 0.0),
        ("ね？", 0.0),
        ("", 0.0),
    ],
)
def test_points_of_a_reply(reply: str, points: float) -> None:
    assert asking_points(reply) == points


def test_every_impression_is_the_rule() -> None:
    turns = (Message(role="user", content="雨がやみませんね"),)

    verdicts = AsksBack().assess([Dialogue(turns=turns, reply="傘はお持ちですの？")])

    assert isinstance(verdicts[0], Assessment)
    assert set(verdicts[0].values.values()) == {10.0}
