"""The judges that can be had on any chat endpoint, as data: what each asks and how it is read.

Instructions are our own wording of published ideas. A changed text is another hash of everything
told (`rlaif/judge_prompt.py`) and so another evaluator; `version` says that it was meant.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from rlaif.errors import EvaluatorError
from rlaif.judge_answer import REASON_CHARACTERS, AnswerForm, Style
from rlaif.judge_preset_names import PRESET_NAMES, PresetName
from rlaif.metrics import METRIC_KEYS, METRICS

STOCK_REPLY = "そうなんですね。"
"""What `pairwise` holds a reply against where only one reply is to be scored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgePreset:
    """task: the instruction before the record. figures: by key, what each asks, in order.

    together: all figures in one answer, else one call for each, with `closing` and the figure's
    text behind the record. impressions: the figures whose mean an impression is. samples and
    temperature: of the answers to draw, where figures cannot be read from token probabilities.
    persona: whether the judge is told who speaks.
    """

    name: PresetName
    version: int
    source: str
    task: str
    figures: Mapping[str, str]
    impressions: Mapping[str, tuple[str, ...]]
    style: Style
    low: int = 0
    high: int = 10
    together: bool = True
    persona: bool = True
    closing: str = "スキーマどおりのJSONで答えてください。"
    samples: int = 1
    temperature: float = 0.7

    def forms(self) -> tuple[AnswerForm, ...]:
        """The form of each call's answer, in order."""
        keys = [tuple(self.figures)] if self.together else [(key,) for key in self.figures]
        return tuple(
            AnswerForm(style=self.style, keys=some, low=self.low, high=self.high) for some in keys
        )


_ITEMS: Mapping[str, str] = {m.key: f"{m.japanese}：{m.item}" for m in METRICS}
_OWN: Mapping[str, tuple[str, ...]] = {key: (key,) for key in METRIC_KEYS}
_LISTED = "\n".join(f"- {m.key}（{m.japanese}）：{m.item}" for m in METRICS)

_RUBRIC = JudgePreset(
    name="rubric",
    version=1,
    source="this project",
    task=(
        "記録の「返事」だけを、会話の相手（客）の立場で採点してください。\n"
        "各項目に、客がその文にどれだけ同意するかを0（まったく同意しない）から10（強く同意する）の"
        "整数で付けます。5は平凡な返事です。ありきたりな相づちや、どの会話にも使える返事には4以下を"
        "付けます。長さそのものは点になりません。\n"
        f"{_LISTED}\n"
        f"先に理由を{REASON_CHARACTERS}字以内で書き、そのあとに点を付けます。"
    ),
    figures=_ITEMS,
    impressions=_OWN,
    style="reasoned",
)

_ZERO_SHOT = JudgePreset(
    name="zero-shot",
    version=1,
    source="the evaluator without fine-tuning of RLAIF for dialogue impressions (NLP2025)",
    task=(
        "記録の会話を読み、最後の「返事」を受け取った客が、示される文にどれだけ同意するかを"
        "数字で見積もってください。"
    ),
    figures=_ITEMS,
    impressions=_OWN,
    style="digit",
    high=9,
    together=False,
    persona=False,
    closing="次の文に客はどれだけ同意しますか。0（まったく同意しない）から9（強く同意する）の数字一つだけで答えてください。",
)

_LLM_EVAL = JudgePreset(
    name="llm-eval",
    version=1,
    source="Lin and Chen, LLM-Eval (NLP4ConvAI 2023), arXiv 2305.13711",
    task=(
        "記録の「返事」に、次のすべての観点の点を一度に付けてください。点は0から100の整数で、"
        "その観点についての客の印象が良いほど高くします。\n"
        f"{_LISTED}"
    ),
    figures=_ITEMS,
    impressions=_OWN,
    style="flat",
    high=100,
)

_MEEP = JudgePreset(
    name="meep",
    version=1,
    source="Ferron et al., MEEP (Findings of EMNLP 2023)",
    task=(
        "記録の「返事」が、客を会話に引き込むかどうかを評価してください。引き込む返事を受け取った人は、"
        "大切に扱われていると感じ、会話に身が入り、続けたくなります。次の側面ごとに、0（まったくない）"
        "から10（申し分ない）の整数を付けます。\n"
        "- variety：それまでの言い方や話題の繰り返しではなく、変化がある。\n"
        "- interaction：問いかけや受け答えで、やりとりを前に進める。\n"
        "- interest：おもしろみ、意外さ、話し手ならではの見方がある。\n"
        "- specificity：この会話の中身を具体的に踏まえている。\n"
        "- closeness：客を突き放さず、同じ側に立って話している。\n"
        "- engagement：全体として、客はこの会話を続けたくなる。\n"
        f"先に理由を{REASON_CHARACTERS}字以内で書き、そのあとに点を付けます。"
    ),
    figures={
        "variety": "変化",
        "interaction": "やりとり",
        "interest": "おもしろさ",
        "specificity": "具体性",
        "closeness": "近さ",
        "engagement": "引き込み",
    },
    impressions={
        "agency": ("interaction",),
        "attentiveness": ("specificity",),
        "consistency": ("specificity",),
        "ease": ("closeness",),
        "empathetic": ("closeness",),
        "emotion": ("interest", "closeness"),
        "enjoyability": ("interest", "engagement"),
        "humanness": ("variety", "closeness"),
        "personality": ("interest", "variety"),
        "respeak": ("engagement",),
        "topic": ("specificity", "variety"),
        "trust": ("closeness", "specificity"),
    },
    style="reasoned",
)

_G_EVAL = JudgePreset(
    name="g-eval",
    version=1,
    source="Liu et al., G-Eval (EMNLP 2023), arXiv 2303.16634",
    task=(
        "会話の返事を、示される基準一つについて1から5で評価する仕事です。\n"
        "評価の手順：\n"
        "一、会話を初めから読み、客が何を話し、何を望んでいるかをつかむ。\n"
        "二、返事が客の最後の言葉にどう応じたかを確かめる。\n"
        "三、基準に照らして、返事の良い点と足りない点を一つずつ考える。\n"
        "四、1（まったく当てはまらない）、2（あまり当てはまらない）、3（どちらともいえない）、"
        "4（やや当てはまる）、5（よく当てはまる）から選ぶ。長さそのものは理由にしない。"
    ),
    figures=_ITEMS,
    impressions=_OWN,
    style="digit",
    low=1,
    high=5,
    together=False,
    closing="手順に従って考え、次の基準についての評価を1から5の数字一つだけで答えてください。",
    samples=5,
    temperature=1.0,
)

_PAIRWISE = JudgePreset(
    name="pairwise",
    version=1,
    source="Zheng et al., Judging LLM-as-a-Judge (NeurIPS 2023), arXiv 2306.05685",
    task="",
    figures={},
    impressions={},
    style="reasoned",
)

_PRESETS: tuple[JudgePreset, ...] = (_RUBRIC, _ZERO_SHOT, _LLM_EVAL, _MEEP, _G_EVAL, _PAIRWISE)


def preset_of(name: str) -> JudgePreset:
    """Return a preset by its name. Raises EvaluatorError naming the known ones."""
    for preset in _PRESETS:
        if preset.name == name:
            return preset
    raise EvaluatorError(f"judge preset is {name!r}; expected one of {', '.join(PRESET_NAMES)}")
