"""A list of emotion words is read strictly, found as it is written, and its share is told."""

from pathlib import Path

import pytest

from persona.errors import DataError
from rlaif.attribution import Attribution, Method
from rlaif.attribution_table2 import SEED_TABLE2, emotion_pieces, table2_row
from rlaif.attribution_words import EmotionWords, read_emotion_words
from rlaif.errors import WordListError
from rlaif.evaluator import Dialogue
from tests.rlaif.planted_values import dialogue, letters

HEAD = "Words,Sadness,Anxiety,Anger,Disgust,Trust,Surprise,Joy\n"


def _file(folder: Path, *lines: str, head: str = HEAD) -> Path:
    path = folder / "words.csv"
    path.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def _words(*words: str) -> EmotionWords:
    return EmotionWords(words=frozenset(words), neutral=0, too_short=0)


def test_words_with_a_feeling_are_kept(tmp_path: Path) -> None:
    file = _file(tmp_path, "嬉しい,0,0,0,0,0.1,0,0.9", "机,0,0,0,0,0,0,0", "え,0,0,0,0,0,1,0")
    assert read_emotion_words(file) == EmotionWords(
        words=frozenset({"嬉しい"}), neutral=1, too_short=1
    )


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["嬉しい,0,0,0,0,0,0,much"], r"line 2: Joy is 'much'; expected a number of 0 or more"),
        (["嬉しい,0,0,0,0,0,0,-1"], "line 2: Joy is '-1'"),
        (["嬉しい,0,0,0,0,0,0,nan"], "line 2: Joy is 'nan'"),
        (["嬉しい,0,0"], "line 2: Anger is None"),
        ([",0,0,0,0,0,0,1"], "line 2 has no word"),
        (["涙,1,0,0,0,0,0,0", "涙,1,0,0,0,0,0,0"], "line 3 holds '涙' a second time"),
        (["机,0,0,0,0,0,0,0"], "holds no emotion word"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, lines: list[str], told: str) -> None:
    with pytest.raises(WordListError, match=told):
        read_emotion_words(_file(tmp_path, *lines))


def test_other_columns_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected Words, Sadness"):
        read_emotion_words(_file(tmp_path, "嬉しい,1", head="語,喜び\n"))


def test_the_longest_word_is_found_from_the_left() -> None:
    marks = _words("嬉し", "嬉しい", "しい").marks("嬉しいしい嬉")
    assert marks == (True, True, True, True, True, False)


def _told(reply: Dialogue, scores: tuple[float, ...], method: Method = "shap") -> Attribution:
    return Attribution(
        evaluator="e", metric="trust", method=method, pieces=letters(reply.reply), scores=scores,
        errors=(), value=sum(scores), baseline=0.0, completeness=None, evaluations=1,
    )  # fmt: skip


def test_means_ratios_and_shares() -> None:
    replies = [dialogue("涙です"), dialogue("まあ、涙")]
    assert emotion_pieces(_words("涙"), replies[0], letters("涙です")) == (True, False, False)
    told = [_told(replies[0], (3.0, -1.0, 1.0)), _told(replies[1], (0.0, 1.0, -1.0, 2.0))]
    row = table2_row("shap", replies, told, _words("涙"), 0)
    # Emotion words: 3 and 2 of 2 tokens; all: 5 of 7 tokens; absolute values: 5 of 9.
    assert (row.replies, row.tokens, row.emotion_tokens) == (2, 7, 2)
    values = [row.mean_all, row.mean_emotion, row.ratio, row.size_ratio, row.share, row.token_share]
    expected = [5 / 7, 5 / 2, (5 / 2) / (5 / 7), (5 / 2) / (9 / 7), 5 / 9, 2 / 7]
    assert [one.value for one in values if one] == pytest.approx(expected)
    # Drawing replies gives both first, both second, or one of each: the first has mean 1.
    assert row.mean_all is not None
    assert (row.mean_all.low, row.mean_all.high) == pytest.approx((0.5, 1.0))
    assert set(SEED_TABLE2) == {"gradients", "integrated", "shap"}


def test_without_emotion_words_there_is_no_ratio() -> None:
    reply = dialogue("です")
    row = table2_row("shap", [reply], [_told(reply, (1.0, 1.0))], _words("涙"), 0)
    assert (row.mean_emotion, row.ratio) == (None, None)
    assert row.share is not None
    assert row.share.value == 0
