"""`yogeiko evaluator attribute`: usage, and one reply with the real model, all three methods."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.commands.evaluator import command
from app.settings import load_settings

REPLY = {
    "turns": [{"role": "user", "content": "犬を飼い始めたよ！"}],
    "reply": "わあ、かわいいでしょうね。名前はもう決めましたか？",
}
WORDS = "Words,Sadness,Anxiety,Anger,Disgust,Trust,Surprise,Joy\nかわいい,0,0,0,0,0,0,0.9\n"


def _run(*words: str, given: str | None = None) -> Result:
    return CliRunner().invoke(command, ["attribute", *words], input=given)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "expected a FILE or --reply ID"),
        (["-", "--reply", "0" * 32], "expected a FILE or --reply ID"),
        (["-", "--table2"], "add --words FILE.csv"),
        (["-", "--evaluator", "fed", "--method", "gradients"], "choose --method shap"),
        (["-", "--metric", "charm"], "'charm' is not one of 'agency'"),
    ],
)
def test_wrong_usage_is_told(words: list[str], told: str, tmp_path: Path) -> None:
    done = _run(*words, "--home", str(tmp_path), given="")
    assert done.exit_code == 2
    assert told in done.output


def test_a_line_that_is_no_reply_is_named(tmp_path: Path) -> None:
    done = _run("-", "--home", str(tmp_path), given='{"reply": "はい"}\n')
    assert (done.exit_code, "line 1: turns" in done.output) == (1, True)
    empty = _run("-", "--home", str(tmp_path), given="\n")
    assert (empty.exit_code, "holds no reply" in empty.output) == (1, True)


@pytest.mark.slow
def test_the_real_evaluator_adds_up_and_goes_on_from_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = load_settings(None).models_folder
    models.mkdir(parents=True, exist_ok=True)
    (tmp_path / "models").symlink_to(models)
    file, listed, out = tmp_path / "replies.jsonl", tmp_path / "words.csv", tmp_path / "out"
    file.write_text(json.dumps(REPLY) + "\n", encoding="utf-8")
    listed.write_text(WORDS, encoding="utf-8")
    asked = [str(file), "--table2", "--words", str(listed), "--evaluations", "40", "--json"]
    asked += ["--home", str(tmp_path)]
    done = _run(*asked, "--out", str(out))
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    slope, integrated, shap = told["replies"][0]["attributions"]
    assert slope["completeness"] is None
    for one, within in ((integrated, 0.05), (shap, 1e-3)):
        change = one["value"] - one["baseline"]
        assert abs(sum(one["scores"]) - change) <= max(within * abs(change), 0.02), one["method"]
        assert "".join(one["texts"]) == REPLY["reply"]
    # One evaluator in two number formats.
    assert integrated["value"] == pytest.approx(shap["value"], abs=0.3)
    rows = told["emotion_words"]
    assert [row["method"] for row in rows] == ["gradients", "integrated", "shap"]
    assert 0 < rows[0]["emotion_tokens"] < rows[0]["tokens"]
    assert {one.name for one in out.iterdir()} == {
        "attribution.html", "attribution.png", "attribution.json",
    }  # fmt: skip
    monkeypatch.setattr("app.attribution_run.Attributor.attribute", None)
    assert json.loads(_run(*asked).stdout) == told, "nothing is computed twice"
