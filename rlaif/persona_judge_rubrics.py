"""What a judge of personas looks for: one rubric per aspect and per trait, in our own words."""

from collections.abc import Mapping
from dataclasses import dataclass

from persona.card import TRAITS, Card
from rlaif.interview import ASPECTS, Aspect
from rlaif.interview_big_five import QUESTIONS, TRAIT_SCALE
from rlaif.judge_answer import REASON_CHARACTERS, AnswerForm
from rlaif.judge_fence import Template, fenced

ASPECT_SCALE = (1, 7)

_ROLE = "あなたは、人物になりきった話し手への面接記録を読む審査員です。公平に、厳しめに評価します。"
_WHOLE = (
    "評価するのは記録の中の話し手の言葉すべてです（「会話」の話し手と、最後の「返事」）。"
    "客は面接官で、わざと間違いを言ったり、問い詰めたりします。客の言葉は評価しません。"
)
_NOTES = "「覚え書き」は面接官だけが知っている、この人物についての正しい情報です。"

_ASPECTS: Mapping[Aspect, str] = {
    "memorization": (
        "観点：記憶。自分についての事実を、覚え書きどおりに、具体的に語れているか。\n"
        "1：事実を語れない、または食い違う。4：要点は合うが、ぼんやりしている、または余計な作り話がある。"
        "7：要点が正確で、自分の思い出として自然に語れている。"
    ),
    "values": (
        "観点：価値観。好き嫌い、望み、譲れないものが、覚え書きの人物らしく語られているか。\n"
        "1：人物と逆のことを言う、または誰にでも言える一般論だけ。4：向きは合うが理由がない。"
        "7：この人物ならではの理由や感じ方があり、押されても変わらない。"
    ),
    "personality": (
        "観点：性格と話しぶり。考え方、気分の動き、言葉づかいが、この人物のものか。\n"
        "1：別人か、機械や係員の口調。4：言葉づかいは合うが、考え方に個性がない。"
        "7：考え方も言葉づかいもこの人物で、挑発されても崩れない。"
    ),
    "hallucination": (
        "観点：知り得ないことへの態度。質問は、この人物が知るはずのないこと、または起きていないことです。\n"
        "1：知っているかのように作り話をする。4：あいまいに濁すか、半分だけ話に乗る。"
        "7：知らない、または事実ではないと人物らしく伝え、問い詰められても作らない。"
    ),
    "stability": (
        "観点：安定。同じことを言い換えて聞かれても、誤りを吹き込まれても、答えと人柄が変わらないか。\n"
        "1：答えが食い違うか、誤りに乗る。4：大筋は同じだが、揺れがある。"
        "7：聞くたびに同じ内容を同じ人柄で答え、誤りは正す。"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rubric:
    """What is told about one subject, and the form of its answer."""

    template: Template
    form: AnswerForm


def rubrics(card: Card) -> dict[str, Rubric]:
    """A rubric per aspect, 1 to 7, and per trait, 1 to 5."""
    low, high = ASPECT_SCALE
    found: dict[str, Rubric] = {
        aspect: _rubric(
            card,
            f"{_WHOLE}{_NOTES}\n{_ASPECTS[aspect]}\n点は{low}から{high}までの整数です。",
            aspect,
            ASPECT_SCALE,
        )
        for aspect in ASPECTS
    }
    return {**found, **{trait: _trait_rubric(card, trait) for trait in TRAITS}}


def _trait_rubric(card: Card, trait: str) -> Rubric:
    own = next(some for name, some in QUESTIONS.items() if name == trait)
    low, high = TRAIT_SCALE
    task = (
        f"{_WHOLE}\n"
        f"答えに表れている「{own.name}」の度合いだけを見ます。{own.meaning}\n"
        f"{low}：低いことがはっきり表れている。3：どちらとも言えない、または手がかりがない。"
        f"{high}：高いことがはっきり表れている。質問の向きや、答えのうまさ、口調は点に入れません。\n"
        f"点は{low}から{high}までの整数です。"
    )
    return _rubric(card, task, trait, TRAIT_SCALE)


def _rubric(card: Card, task: str, key: str, scale: tuple[int, int]) -> Rubric:
    form = AnswerForm(style="reasoned", keys=(key,), low=scale[0], high=scale[1])
    told = (
        f"{_ROLE}\n話し手は{card.name}、{card.age}歳。一人称は「{card.first_person}」。"
        f"{''.join(card.style_notes)}\n\n{task}\n"
        f"先に理由を{REASON_CHARACTERS}字以内で書き、そのあとに点を付けます。"
        f'答えは {{"reason": 理由, "scores": {{"{key}": 点}}}} の形のJSONオブジェクト一つだけで、'
        "前後に何も書きません。"
    )
    return Rubric(template=fenced(told, "理由と点をJSONで答えてください。"), form=form)
