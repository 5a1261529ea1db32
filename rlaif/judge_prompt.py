"""Everything a judge is told that is not the conversation itself, for one preset and card."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from persona.card import Card
from persona.engine import Message
from rlaif.evaluator import AskedPrompt
from rlaif.judge_answer import COMPARE_SCHEMA, REASON_CHARACTERS, AnswerForm
from rlaif.judge_fence import Template, fenced
from rlaif.judge_presets import STOCK_REPLY, JudgePreset

_ROLE = "あなたは会話の審査員です。人物になりきった話し手の返事を、公平に、厳しめに評価します。"
_JSON_ONLY = "答えは次のスキーマに合うJSONオブジェクト一つだけで、前後に何も書きません。"
_COMPARE_TASK = (
    "記録の「返事A」と「返事B」のどちらが、客にとってこの場でよい返事かを決めてください。"
    "話を聞いているか、話がかみ合うか、人物らしいか、また話したくなるかを見ます。"
    "並び順と長さは良し悪しになりません。差がなければ tie とします。\n"
    f"先に理由を{REASON_CHARACTERS}字以内で書き、そのあとに winner を決めます。"
)
_CLOSING = "スキーマどおりのJSONで答えてください。"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One call about one reply: what is told, and the form of its answer."""

    template: Template
    form: AnswerForm


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgePrompt:
    """The questions about a reply, in order, and the one about two replies.

    `about_reply` and `about_pair` are all of it as JSON under its sha256: a changed rubric, card,
    schema, scale, mapping, way of drawing or fence is another hash, and so another evaluator.
    """

    questions: tuple[Question, ...]
    comparison: Template
    about_reply: AskedPrompt
    about_pair: AskedPrompt


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPrompt:
    """What was asked, call by call; `against`: the reply that another one was held against."""

    questions: tuple[Template, ...]
    against: str | None


def judge_prompt(card: Card, preset: JudgePreset, samples: int, temperature: float) -> JudgePrompt:
    """What a preset asks about this persona's replies; `samples` at `temperature` are drawn."""
    comparison = fenced(
        "\n\n".join((f"{_ROLE}\n{_persona(card)}", _COMPARE_TASK, _told_schema(COMPARE_SCHEMA))),
        _CLOSING,
    )
    questions = tuple(_question(card, preset, form) for form in preset.forms() if form.keys)
    # Once for each order of the two replies.
    both = [comparison, comparison]
    pair = _document(both, {"preset": "pairwise", "schema": COMPARE_SCHEMA})
    if not questions:
        # The reply is held against a fixed one.
        against = {"pairwise": pair.sha256, "against": STOCK_REPLY}
        asked = _document(both, against)
        return JudgePrompt(questions=(), comparison=comparison, about_reply=asked, about_pair=pair)
    asked = _document(
        [question.template for question in questions],
        {
            "preset": preset.name,
            "version": preset.version,
            "style": preset.style,
            "scale": [preset.low, preset.high],
            "schemas": [question.form.schema for question in questions],
            "figures": [list(question.form.keys) for question in questions],
            "impressions": {key: list(some) for key, some in preset.impressions.items()},
            "samples": samples,
            "temperature": temperature,
        },
    )
    return JudgePrompt(
        questions=questions, comparison=comparison, about_reply=asked, about_pair=pair
    )


def messages_digest(messages: Sequence[Sequence[Message]]) -> str:
    """sha256 over the messages of several calls, in order."""
    told = [[[one.role, one.content] for one in call] for call in messages]
    return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()


def read_prompt(document: str) -> KeptPrompt:
    """A prompt that was kept, from its JSON."""
    read = json.loads(document)
    return KeptPrompt(
        questions=tuple(
            Template(system=one["system"], user=one["user"]) for one in read["questions"]
        ),
        against=read.get("against"),
    )


def _question(card: Card, preset: JudgePreset, form: AnswerForm) -> Question:
    opening = f"{_ROLE}\n{_persona(card)}" if preset.persona else _ROLE
    if preset.together:
        assert form.schema is not None, "figures given together are written as JSON"
        told = "\n\n".join((opening, preset.task, _told_schema(form.schema)))
        return Question(template=fenced(told, preset.closing), form=form)
    (key,) = form.keys
    # What differs between the questions about one reply comes last, so that an endpoint can keep
    # what it has read of the record.
    closing = f"{preset.closing}\n{preset.figures[key]}"
    return Question(template=fenced(f"{opening}\n\n{preset.task}", closing), form=form)


def _told_schema(schema: object) -> str:
    return f"{_JSON_ONLY}\n{json.dumps(schema, ensure_ascii=False, separators=(',', ':'))}"


def _document(questions: Sequence[Template], more: Mapping[str, object]) -> AskedPrompt:
    told = [{"system": one.system, "user": one.user} for one in questions]
    text = json.dumps({**more, "questions": told}, ensure_ascii=False, sort_keys=True)
    return AskedPrompt(sha256=hashlib.sha256(text.encode()).hexdigest(), document=text)


def _persona(card: Card) -> str:
    """What this persona is to be judged by."""
    endings = "」「".join(card.endings[:6])
    avoided = "」「".join((*card.forbidden_openers[:4], *card.forbidden_words[:3]))
    notes = "".join(card.style_notes)
    return (
        f"話し手は{card.name}、{card.age}歳。一人称は「{card.first_person}」、"
        f"語尾は「{endings}」など。{notes}\n"
        f"この人物らしくない言い方：「{avoided}」、ほかの一人称、機械や係員のような受け答え。"
        "「覚え書き」があれば、それと食い違う返事は信頼と一貫性を下げます。"
    )
