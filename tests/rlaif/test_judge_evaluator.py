"""JudgeEvaluator against a real server: verdicts, malformed answers, orders, samples, identity."""

import json
from dataclasses import replace

import pytest

from persona.card import SHIPPED_CARD, load_card
from persona.engine import Message
from rlaif.errors import EvaluatorError, JudgeBudgetError, JudgeCallError, JudgeUnreachableError
from rlaif.evaluator import Assessment, Comparison, Dialogue, Unscored
from rlaif.judge_client import JudgeClient, JudgeSettings
from rlaif.judge_evaluator import JudgeEvaluator, JudgingSettings
from rlaif.judge_preset_names import PRESET_NAMES, PresetName
from rlaif.judge_presets import STOCK_REPLY
from rlaif.judge_prompt import messages_digest
from rlaif.metrics import METRIC_KEYS
from tests.rlaif.judge_server import Answer, Judge, compare_answer, judge_server, score_answer

CARD = load_card(SHIPPED_CARD)
DIALOGUE = Dialogue(turns=(Message(role="user", content="趣味は？"),), reply="バイオリンですの。")
GOOD = Answer(content=score_answer(6))
BAD = Answer(content="満点です。")


def _evaluator(
    judge: Judge,
    judging: JudgingSettings | None = None,
    preset: PresetName = "rubric",
    **changes: object,
) -> JudgeEvaluator:
    settings = JudgeSettings(
        **{"base_url": judge.url, "model": "m", "timeout_seconds": 5.0, **changes}
    )
    return JudgeEvaluator(JudgeClient(settings, sleep=lambda _: None), CARD, judging, preset=preset)


def _record(request: dict[str, object]) -> dict[str, object]:
    messages = request["messages"]
    assert isinstance(messages, list)
    document: dict[str, object] = json.loads(messages[-1]["content"].split("\n")[1])
    return document


def test_a_verdict_becomes_an_assessment() -> None:
    with judge_server(GOOD) as judge:
        told: list[int] = []
        verdicts = _evaluator(judge).assess([DIALOGUE, DIALOGUE], told.append)
    assert told == [1, 2]
    whole = Assessment(
        values=dict.fromkeys(METRIC_KEYS, 6.0), spread={}, reasons=("話は聞いている。",)
    )
    assert verdicts == [whole, whole]
    assert judge.requests[0]["temperature"] == 0.0


def test_every_request_has_a_fence_of_its_own() -> None:
    with judge_server(GOOD) as judge:
        _evaluator(judge).assess([DIALOGUE] * 3)
    fences = {str(r["messages"]).split("<<<記録 ")[-1][:32] for r in judge.requests}
    assert len(fences) == 3


def test_a_malformed_answer_is_asked_for_again_drawn_otherwise() -> None:
    with judge_server(BAD, GOOD) as judge:
        (verdict,) = _evaluator(judge).assess([DIALOGUE])
    assert isinstance(verdict, Assessment)
    first, second = judge.requests
    assert (first["temperature"], first["seed"]) != (second["temperature"], second["seed"])


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (BAD, "not one JSON object"),
        (Answer(content=score_answer(11)), "does not fit the schema"),
        (Answer(content=score_answer(), finish="length"), "cut off"),
    ],
)
def test_malformed_answers_leave_the_reply_unscored(answer: Answer, reason: str) -> None:
    with judge_server(answer) as judge:
        (verdict,) = _evaluator(judge, JudgingSettings(malformed_retries=1)).assess([DIALOGUE])
    assert isinstance(verdict, Unscored)
    assert reason in verdict.reason
    assert "満点" not in verdict.reason
    assert len(judge.requests) == 2


def test_one_failing_reply_does_not_take_the_others_with_it() -> None:
    def script(request: dict[str, object]) -> Answer:
        return Answer(status=500) if _record(request)["返事"] == "二。" else GOOD

    with judge_server(script=script) as judge:
        dialogues = [replace(DIALOGUE, reply=reply) for reply in ("一。", "二。", "三。")]
        verdicts = _evaluator(judge).assess(dialogues)
    assert isinstance(verdicts[0], Assessment)
    assert verdicts[1] == Unscored(reason="the judge did not answer")
    assert isinstance(verdicts[2], Assessment)


def test_a_dead_endpoint_is_given_up_on() -> None:
    with judge_server(Answer(status=500)) as judge:
        with pytest.raises(JudgeUnreachableError):
            _evaluator(judge, attempts=1).assess([DIALOGUE] * 50)
        assert len(judge.requests) == 3


def test_a_refused_key_is_an_error_at_once() -> None:
    with judge_server(Answer(status=401)) as judge:
        with pytest.raises(JudgeCallError):
            _evaluator(judge).assess([DIALOGUE] * 50)
        assert len(judge.requests) == 1


def test_what_the_budget_does_not_cover_is_unscored() -> None:
    with judge_server(Answer(content=score_answer(), usage=(9000, 100))) as judge:
        evaluator = _evaluator(judge, max_total_tokens=20_000)
        verdicts = evaluator.assess([DIALOGUE] * 5)
        assert [type(v) for v in verdicts[:2]] == [Assessment, Assessment]
        assert verdicts[2:] == [Unscored(reason="the judge's budget is used up")] * 3
        with pytest.raises(JudgeBudgetError):
            evaluator.assess([DIALOGUE])


def test_a_blank_reply_is_never_sent() -> None:
    with judge_server(GOOD) as judge:
        (verdict,) = _evaluator(judge).assess([replace(DIALOGUE, reply=" ")])
    assert isinstance(verdict, Unscored)
    assert judge.requests == []


def test_samples_give_mean_and_spread() -> None:
    with judge_server(Answer(content=score_answer(4)), Answer(content=score_answer(8))) as judge:
        (verdict,) = _evaluator(judge, JudgingSettings(samples=2)).assess([DIALOGUE])
    assert isinstance(verdict, Assessment)
    assert verdict.values["trust"] == 6.0
    assert len(verdict.reasons) == 2
    assert all(verdict.reasons)
    assert verdict.spread["trust"] == pytest.approx(8**0.5)  # of 4 and 8, n - 1
    assert len({request["seed"] for request in judge.requests}) == 2


@pytest.mark.parametrize(
    ("answers", "preferred", "flipped"),
    [
        (("A", "B"), "a", False),
        (("B", "A"), "b", False),
        (("A", "A"), "tie", True),
        (("B", "B"), "tie", True),
        (("tie", "tie"), "tie", False),
        (("A", "tie"), "tie", True),
    ],
)
def test_both_orders_have_to_agree(answers: tuple[str, str], preferred: str, flipped: bool) -> None:
    with judge_server(*(Answer(content=compare_answer(a)) for a in answers)) as judge:
        verdict = _evaluator(judge).compare(DIALOGUE, "一。", "二。")
    assert isinstance(verdict, Comparison)
    assert (verdict.preferred, verdict.flipped) == (preferred, flipped)
    shown = [(_record(r)["返事A"], _record(r)["返事B"]) for r in judge.requests]
    assert shown == [("一。", "二。"), ("二。", "一。")]


def test_a_comparison_tells_what_was_picked_in_each_order() -> None:
    with judge_server(*(Answer(content=compare_answer(a)) for a in ("A", "tie"))) as judge:
        verdict = _evaluator(judge).compare(DIALOGUE, "一。", "二。")
    assert isinstance(verdict, Comparison)
    assert verdict.picks == ("first", "tie")
    assert verdict.asked is not None
    assert [draw.question for draw in verdict.asked.draws] == [0, 1]


def test_a_pair_without_verdict_is_unscored() -> None:
    with judge_server(Answer(content=compare_answer("A")), BAD) as judge:
        assert isinstance(_evaluator(judge).compare(DIALOGUE, "一。", "二。"), Unscored)


def test_the_id_names_model_prompt_and_samples() -> None:
    with judge_server(GOOD) as judge:
        plain = _evaluator(judge)
        assert plain.id.startswith("judge:rubric:m:")
        assert plain.kind == "judge"
        other = JudgeEvaluator(plain._client, replace(CARD, name="別の人"))
        ids = {
            plain.id,
            other.id,
            _evaluator(judge, model="n").id,
            _evaluator(judge, JudgingSettings(samples=3)).id,
            *(_evaluator(judge, preset=name).id for name in PRESET_NAMES),
        }
        assert len(ids) == 4 + len(PRESET_NAMES) - 1  # rubric is there twice
        assert _evaluator(judge).id == plain.id


def test_settings_that_ask_for_nothing_are_refused() -> None:
    with pytest.raises(EvaluatorError, match="samples is 0"):
        JudgingSettings(samples=0)


def test_g_eval_reads_the_probabilities_of_twelve_digits() -> None:
    digit = Answer(content="4", likely=(("4", 0.5), ("5", 0.25)))
    with judge_server(digit) as judge:
        (verdict,) = _evaluator(judge, preset="g-eval").assess([DIALOGUE])
    assert isinstance(verdict, Assessment)
    # 1..5 becomes 0..10: 4 is 7.5 with weight 2/3, 5 is 10 with 1/3.
    assert verdict.values["trust"] == pytest.approx((2 * 7.5 + 10) / 3)
    mean = (2 * 7.5 + 10) / 3
    variance = (2 * (7.5 - mean) ** 2 + (10 - mean) ** 2) / 3
    assert verdict.spread["trust"] == pytest.approx(variance**0.5)
    assert len(judge.requests) == 12
    assert all(r["logprobs"] and r["top_logprobs"] == 20 for r in judge.requests)
    assert not any("response_format" in r for r in judge.requests)
    assert verdict.asked is not None
    assert verdict.asked.reading == "probabilities"
    asked_last = [str(r["messages"][-1]["content"]) for r in judge.requests]  # type: ignore[index]
    assert ["主体性" in text for text in asked_last] == [True] + [False] * 11


@pytest.mark.parametrize("how", ["refused", "fewer", "ignored", "switched off"])
def test_without_probabilities_g_eval_is_the_mean_of_samples(how: str) -> None:
    digits = iter("43" * 100)

    def script(request: dict[str, object]) -> Answer:
        likely = int(str(request.get("top_logprobs", 0)))
        if (how == "refused" and likely) or (how == "fewer" and likely > 5):
            return Answer(status=400)
        chances = (("3", 1.0),) if how == "fewer" else ()
        return Answer(content=next(digits), likely=chances)

    with judge_server(script=script) as judge:
        evaluator = _evaluator(judge, preset="g-eval", probabilities=how != "switched off")
        (verdict,) = evaluator.assess([DIALOGUE])
    assert isinstance(verdict, Assessment)
    assert verdict.asked is not None
    if how == "fewer":
        assert (verdict.values["trust"], verdict.asked.reading) == (5.0, "probabilities")
        assert [r["top_logprobs"] for r in judge.requests] == [20] + [5] * 12
        return
    assert verdict.asked.reading == "text"
    assert len(verdict.asked.draws) == 5 * 12
    # Each question meets the digits at an even distance, so always the same one: 4 or 3.
    assert verdict.values["agency"] == 7.5
    assert verdict.values["attentiveness"] == 5.0
    assert verdict.spread["agency"] == 0.0
    asked_for = [r.get("top_logprobs") for r in judge.requests]
    tried = {"refused": [20, 5], "ignored": [20], "switched off": []}[how]
    assert asked_for[: len(tried)] == tried
    assert set(asked_for[len(tried) :]) == {None}
    assert {r["temperature"] for r in judge.requests} == {1.0}


def test_a_judge_that_would_not_give_a_digit_is_not_asked_again() -> None:
    chatty = Answer(content="はい", likely=(("はい", 0.9), ("1", 0.01)))
    with judge_server(chatty) as judge:
        (verdict,) = _evaluator(judge, preset="zero-shot").assess([DIALOGUE])
        assert isinstance(verdict, Unscored)
        assert "digit" in verdict.reason
        assert len(judge.requests) == 1


def test_zero_shot_is_told_of_no_persona() -> None:
    with judge_server(Answer(content="9", likely=(("9", 1.0),))) as judge:
        (verdict,) = _evaluator(judge, preset="zero-shot").assess([DIALOGUE])
    assert isinstance(verdict, Assessment)
    assert dict(verdict.values) == dict.fromkeys(METRIC_KEYS, 10.0)
    assert CARD.name not in str(judge.requests)


def test_llm_eval_asks_for_all_dimensions_at_once() -> None:
    answer = json.dumps({key: 10 * n for n, key in enumerate(METRIC_KEYS[:10])})
    whole = {**json.loads(answer), METRIC_KEYS[10]: 100, METRIC_KEYS[11]: 55}
    with judge_server(Answer(content=answer), Answer(content=json.dumps(whole))) as judge:
        (verdict,) = _evaluator(judge, preset="llm-eval").assess([DIALOGUE])
    assert isinstance(verdict, Assessment)
    assert len(judge.requests) == 2  # the first answer lacked two
    wanted = [*(float(n) for n in range(10)), 10.0, 5.5]
    assert [verdict.values[key] for key in METRIC_KEYS] == wanted


def test_meep_turns_aspects_of_engagement_into_impressions() -> None:
    aspects = {
        "variety": 2,
        "interaction": 9,
        "interest": 4,
        "specificity": 6,
        "closeness": 8,
        "engagement": 5,
    }
    answer = json.dumps({"reason": "続く。", "scores": aspects})
    with judge_server(Answer(content=answer)) as judge:
        (verdict,) = _evaluator(judge, preset="meep").assess([DIALOGUE])
    assert isinstance(verdict, Assessment)
    assert len(judge.requests) == 1
    assert verdict.values["agency"] == 9.0
    assert verdict.values["enjoyability"] == (4 + 5) / 2
    assert verdict.values["trust"] == (8 + 6) / 2


@pytest.mark.parametrize(
    ("answers", "points"),
    [(("A", "B"), 10.0), (("B", "A"), 0.0), (("A", "A"), 5.0), (("A", "tie"), 7.5)],
)
def test_pairwise_scores_a_reply_by_the_orders_it_wins(
    answers: tuple[str, str], points: float
) -> None:
    with judge_server(*(Answer(content=compare_answer(a)) for a in answers)) as judge:
        (verdict,) = _evaluator(judge, preset="pairwise").assess([DIALOGUE])
    assert isinstance(verdict, Assessment)
    assert dict(verdict.values) == dict.fromkeys(METRIC_KEYS, points)
    assert _record(judge.requests[0])["返事B"] == STOCK_REPLY


@pytest.mark.parametrize("preset", PRESET_NAMES)
def test_what_was_asked_is_told_with_the_verdict(preset: PresetName) -> None:
    flat = json.dumps(dict.fromkeys(METRIC_KEYS, 50))
    names = ("variety", "interaction", "interest", "specificity", "closeness", "engagement")
    meep = json.dumps({"reason": "よい。", "scores": dict.fromkeys(names, 5)})
    answers: dict[PresetName, Answer] = {
        "rubric": GOOD,
        "zero-shot": Answer(content="5"),
        "llm-eval": Answer(content=flat),
        "meep": Answer(content=meep),
        "g-eval": Answer(content="5", likely=(("5", 0.9),)),
        "pairwise": Answer(content=compare_answer("tie")),
    }
    with judge_server(answers[preset]) as judge:
        (verdict,) = _evaluator(judge, preset=preset).assess([DIALOGUE])
    assert isinstance(verdict, Assessment)
    asked = verdict.asked
    assert asked is not None
    sent = [
        tuple(Message(role=m["role"], content=m["content"]) for m in request["messages"])  # type: ignore[attr-defined]
        for request in judge.requests
    ]
    assert asked.digest == messages_digest(sent)
    assert DIALOGUE.reply not in asked.prompt.document
    assert all(asked.nonce in str(call) for call in sent)
    used = [(d.temperature, d.seed) for d in asked.draws]
    assert used == [(r["temperature"], r["seed"]) for r in judge.requests]
