"""A Big-Five interview: open questions per trait, half of them turned towards its low end.

A judge says how much of the trait an answer shows, from 1 (little) to 5 (much), whichever way the
question leans: a persona who only ever agrees then shows as a gap between the two kinds.

Source: Wang et al., "InCharacter" (ACL 2024, arXiv 2310.17976) for interviewing instead of
questionnaires; the questions are our own.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from persona.card import TRAITS, Card, Level, Trait
from persona.estimates import Estimate, mean, rate
from rlaif.interview import Interview, InterviewTurn
from rlaif.interview_estimates import mean_of_few

TRAIT_SCALE = (1, 5)
BANDS: Mapping[Level, tuple[float, float]] = {
    "low": (1.0, 2.5),
    "middle": (2.5, 3.5),
    "high": (3.5, 5.0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TraitQuestions:
    """name and meaning as the judge reads them; towards, against: questions by their lean."""

    name: str
    meaning: str
    towards: tuple[str, ...]
    against: tuple[str, ...]


QUESTIONS: Mapping[Trait, TraitQuestions] = {
    "openness": TraitQuestions(
        name="開放性",
        meaning="新しいもの、空想、芸術、変わった考えに心を開く度合い。低い人は慣れたやり方と実用を好む。",
        towards=(
            "見たことのない料理が出てきたら、どうしますか？",
            "絵や音楽に触れたとき、心の中では何が起きていますか？",
            "ぼんやり空想するときは、どんなことを思い浮かべますか？",
        ),
        against=(
            "毎日が同じ順番で進むことの、どこが落ち着きますか？",
            "役に立たない話をする人を見ると、どう思いますか？",
        ),
    ),
    "conscientiousness": TraitQuestions(
        name="誠実性",
        meaning="計画を立て、約束を守り、最後までやり遂げる度合い。低い人は気ままで、後回しにしやすい。",
        towards=(
            "やることがたくさんある日は、どう進めますか？",
            "人から頼まれた仕事は、どんなふうに仕上げますか？",
            "机の上やかばんの中は、ふだんどうなっていますか？",
        ),
        against=(
            "宿題を放り出して遊びたくなったら、どうしますか？",
            "約束の時間に遅れそうなとき、どんな気持ちですか？",
        ),
    ),
    "extraversion": TraitQuestions(
        name="外向性",
        meaning="人といることを楽しみ、よく話し、元気に動く度合い。低い人は静かで、一人を好む。",
        towards=(
            "にぎやかな集まりに招かれたら、どう過ごしますか？",
            "知らない人と隣り合わせになったら、話しかけますか？",
            "みんなの前で何かを決めるとき、どんな役回りになりますか？",
        ),
        against=(
            "一人きりで静かに過ごす休日を、どう思いますか？",
            "おしゃべりに疲れるのは、どんなときですか？",
        ),
    ),
    "agreeableness": TraitQuestions(
        name="協調性",
        meaning="思いやりがあり、人を信じ、譲る度合い。低い人は競い、疑い、手厳しい。",
        towards=(
            "落ちこんでいる人が近くにいたら、何をしますか？",
            "意見がぶつかったとき、どうやって終わらせますか？",
            "誰かの失敗で自分が困ったら、何と言いますか？",
        ),
        against=(
            "人を信じて損をしたことを思い出すと、どう感じますか？",
            "勝負で相手に情けをかける必要はあると思いますか？",
        ),
    ),
    "neuroticism": TraitQuestions(
        name="神経症傾向",
        meaning="心配、緊張、落ち込み、苛立ちの起きやすさ。低い人は落ち着いて、動じない。",
        towards=(
            "大事な発表の前の晩は、どんなふうに過ごしますか？",
            "ささいな失敗は、どれくらい心に残りますか？",
            "思いどおりにならないことが続くと、どうなりますか？",
        ),
        against=(
            "急な知らせが入ったとき、どれくらい落ち着いていられますか？",
            "悪口を言われても気にしないこつは何ですか？",
        ),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TraitLevel:
    """A trait's mean over questions, 1..5, each question's own mean over the passes counted once.

    lean: towards minus against, in points; about 0 unless she agrees to anything. expected, agrees:
    what the card says and whether the mean lies there; `certain` when its whole interval does, or
    lies outside of it altogether.
    """

    level: Estimate
    lean: float | None
    expected: Level | None
    agrees: bool | None
    certain: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BigFive:
    """traits: those with a figure. repeated: distance in points between two passes over the same
    question; within_one: the share at most one point apart. None with one pass."""

    traits: Mapping[Trait, TraitLevel]
    repeated: Estimate | None
    within_one: Estimate | None


def big_five_interviews() -> list[Interview]:
    """Every question in a conversation of its own, trait by trait."""
    return [
        Interview(
            id=f"{trait}-{lean}-{place}",
            subject=trait,
            turns=(InterviewTurn(user=question, purpose="ask"),),
            continued=False,
        )
        for trait, own in QUESTIONS.items()
        for lean, questions in (("towards", own.towards), ("against", own.against))
        for place, question in enumerate(questions)
    ]


def big_five(card: Card, scores: Mapping[str, Sequence[float]]) -> BigFive:
    """Figures from `scores`: question id -> its scores, one per pass that was scored."""
    expected = dict(card.big_five)
    traits = {
        trait: found
        for trait in TRAITS
        if (found := _level(trait, scores, expected.get(trait))) is not None
    }
    gaps = [
        abs(one - other) for given in scores.values() for one, other in itertools.pairwise(given)
    ]
    return BigFive(traits=traits, repeated=mean(gaps), within_one=rate([gap <= 1 for gap in gaps]))


def _level(
    trait: Trait, scores: Mapping[str, Sequence[float]], expected: Level | None
) -> TraitLevel | None:
    means = {
        name: sum(given) / len(given)
        for name, given in scores.items()
        if given and name.startswith(f"{trait}-")
    }
    level = mean_of_few(list(means.values()), TRAIT_SCALE)
    if level is None:
        return None
    towards = mean([value for name, value in means.items() if "-towards-" in name])
    against = mean([value for name, value in means.items() if "-against-" in name])
    low, high = BANDS[expected] if expected else (0.0, 0.0)
    return TraitLevel(
        level=level,
        lean=towards.value - against.value if towards and against else None,
        expected=expected,
        agrees=low <= level.value <= high if expected else None,
        certain=(
            (low <= level.low and level.high <= high) or level.high < low or level.low > high
            if expected
            else None
        ),
    )
