"""Measuring over fakes at the seams: what is asked, what is kept, what saboteurs look like."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from persona.card import SHIPPED_CARD, load_card
from persona.engine import Finished, GenerationRequest
from persona.errors import EngineError
from persona.prompt import user_turn
from rlaif.errors import GateError
from rlaif.evaluator import Assessment, Dialogue, EvaluatorKind, Unscored
from rlaif.gate_measurements import FIGURES, Measurements
from rlaif.gate_settings import GateSettings
from rlaif.gate_statistics import Case
from rlaif.gates import decide, gate_names, judge_gates
from rlaif.measure import HeldOut, MeasureSetup, Scorer, measure
from rlaif.metrics import METRIC_KEYS
from rlaif.probes import GateProbe, read_gate_probes

_CARD = load_card(SHIPPED_CARD)
_PROBES = read_gate_probes(SHIPPED_CARD)
_KANA = "あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろ"
Says = Callable[[GateProbe, int], str]


def _sensible(probe: GateProbe, seed: int) -> str:
    """A reply in voice, of its own words, right about facts and unknowns."""
    if probe.kind == "unknown":
        return f"{_word(seed, 6)}のことは存じませんわ。"
    if probe.keys:
        return f"{probe.keys[0]}でございますわ。{_word(seed, 5)}、{_word(seed // 7, 7)}ですの。"
    return f"{_word(seed, 8)}と{_word(seed // 11, 7)}のお話でございますわ。"


def _word(seed: int, size: int) -> str:
    return "".join(_KANA[(seed // 3**at) * (at + 7) % len(_KANA)] for at in range(size))


@dataclass
class _FakeEngine:
    """Says what `says` tells; breaks after `lives` batches."""

    says: Says
    lives: float = math.inf
    requests: list[GenerationRequest] = field(default_factory=list)

    def generate_batch(self, requests: Sequence[GenerationRequest]) -> list[Finished]:
        if self.lives <= 0:
            raise EngineError("the engine was closed before the batch ended")
        self.lives -= 1
        self.requests.extend(requests)
        return [
            Finished(
                text=self.says(_asked(request), request.sampling.seed), reason="end",
                adapter=request.adapter, prompt_tokens=1, reused_tokens=0, reply_tokens=1,
                queue_seconds=0, first_token_seconds=0, total_seconds=0,
            )
            for request in requests
        ]  # fmt: skip


def _asked(request: GenerationRequest) -> GateProbe:
    return _BY_TURN[request.messages[-1].content]


_FLAGGED = GateProbe(
    id="flagged",
    kind="contradiction",
    topic="flagged",
    user="例の件を確かめたい",
    forbidden=("うそ",),
)


_BY_TURN = {user_turn(probe.user, probe.facts): probe for probe in (*_PROBES, _FLAGGED)}


@dataclass
class _FakeEvaluator:
    """Likes distinct letters, plus `bonus`; cannot score what holds `blind`."""

    kind: EvaluatorKind
    bonus: float = 0.0
    blind: str = "\0"
    seen: list[Dialogue] = field(default_factory=list)

    @property
    def id(self) -> str:
        return f"{self.kind}-1"

    def assess(
        self, dialogues: Sequence[Dialogue], report: Callable[[int], None] | None = None
    ) -> list[Assessment | Unscored]:
        self.seen.extend(dialogues)
        return [
            Unscored(reason="blind")
            if self.blind in one.reply
            else Assessment(
                values=dict.fromkeys(METRIC_KEYS, min(10.0, len(set(one.reply)) / 5 + self.bonus)),
                spread={},
            )
            for one in dialogues
        ]


def _nats(level: float = 3.0) -> list[Case]:
    return [
        Case(id=f"row-{n}", topic=f"t{n % 20}", value=10 * (level + n % 3 / 10), weight=10)
        for n in range(60)
    ]


def _setup(
    folder: Path, *, bonus: float = 0.0, level: float = 3.0, blind: str = "\0"
) -> MeasureSetup:
    return MeasureSetup(
        card=_CARD,
        probes=_PROBES,
        training=Scorer(evaluator=_FakeEvaluator("fed", bonus=bonus)),
        gate=Scorer(evaluator=_FakeEvaluator("embedded", bonus=bonus, blind=blind)),
        held_out=HeldOut(key="validation", nats=lambda: _nats(level)),
        cache_folder=folder,
    )


@pytest.fixture(scope="module")
def anchor(tmp_path_factory: pytest.TempPathFactory) -> Measurements:
    folder = tmp_path_factory.mktemp("anchor")
    return measure(_FakeEngine(_sensible), "anchor", _setup(folder))  # type: ignore[arg-type]


def test_every_figure_has_its_cases(anchor: Measurements) -> None:
    assert set(anchor.cases) == set(FIGURES)
    assert all(anchor.cases[name] for name in FIGURES if name != "contradiction")
    spoken = sum(probe.kind != "safety" for probe in _PROBES)
    assert len(anchor.cases["length"]) == len(anchor.cases["gate_score"]) == 2 * spoken


def test_every_adapter_is_asked_the_same(tmp_path: Path) -> None:
    one, other = _FakeEngine(_sensible), _FakeEngine(_sensible)
    measure(one, "v1", _setup(tmp_path))  # type: ignore[arg-type]
    measure(other, "v2", _setup(tmp_path))  # type: ignore[arg-type]
    assert {request.adapter for request in other.requests} == {"v2"}
    assert [replace(request, adapter=None) for request in one.requests] == [
        replace(request, adapter=None) for request in other.requests
    ]
    assert len(one.requests) == 2 * len(_PROBES)
    assert len({request.sampling.seed for request in one.requests}) > 1.9 * len(_PROBES)


def test_a_killed_measurement_goes_on_where_it_was(tmp_path: Path) -> None:
    broken = _FakeEngine(_sensible, lives=3)
    with pytest.raises(EngineError):
        measure(broken, "v1", _setup(tmp_path))  # type: ignore[arg-type]
    rest = _FakeEngine(_sensible)
    measured = measure(rest, "v1", _setup(tmp_path))  # type: ignore[arg-type]
    assert len(broken.requests) + len(rest.requests) == 2 * len(_PROBES)
    again = _FakeEngine(_sensible)
    setup = _setup(tmp_path)
    assert measure(again, "v1", setup) == measured  # type: ignore[arg-type]
    assert again.requests == []
    assert setup.gate.evaluator.seen == []  # type: ignore[attr-defined]


def test_a_torn_cache_costs_work_only(tmp_path: Path) -> None:
    measured = measure(_FakeEngine(_sensible), "v1", _setup(tmp_path))  # type: ignore[arg-type]
    (file,) = tmp_path.glob("*.json")
    file.write_bytes(file.read_bytes()[:1000])
    again = measure(_FakeEngine(_sensible), "v1", _setup(tmp_path))  # type: ignore[arg-type]
    assert again == measured


def test_what_cannot_be_scored_is_asked_again(tmp_path: Path) -> None:
    blind = measure(_FakeEngine(_sensible), "v1", _setup(tmp_path, blind="存じ"))  # type: ignore[arg-type]
    missed = len(blind.cases["training_score"]) - len(blind.cases["gate_score"])
    assert missed > 0
    assert blind.unscored["embedded-1"] == {"blind": missed}
    assert sum(len(reasons) for reasons in blind.unscored.values()) == 1
    seeing = measure(_FakeEngine(_sensible), "v1", _setup(tmp_path))  # type: ignore[arg-type]
    assert len(seeing.cases["gate_score"]) == len(seeing.cases["training_score"])


def test_an_operator_s_probe_is_asked_beside_the_frozen_ones(
    tmp_path: Path, anchor: Measurements
) -> None:
    setup = replace(_setup(tmp_path), contradictions=(_FLAGGED,))
    lying: Says = lambda p, s: "うそですわ。" if p is _FLAGGED else _sensible(p, s)  # noqa: E731
    measured = measure(_FakeEngine(lying), "v1", setup)  # type: ignore[arg-type]
    assert [case.value for case in measured.cases["contradiction"]] == [1, 1]
    assert measured.probe_set == anchor.probe_set
    kept = "".join(file.read_text(encoding="utf-8") for file in tmp_path.glob("*.json"))
    assert "うそですわ。" not in kept, "an answer to a visitor outlives their erasure"


def test_one_kind_of_evaluator_may_not_check_itself(tmp_path: Path) -> None:
    setup = _setup(tmp_path)
    with pytest.raises(GateError, match="both of kind"):
        replace(setup, gate=setup.training)


def _verdict(candidate: Measurements, anchor: Measurements) -> tuple[bool, set[str]]:
    results = judge_gates(candidate, anchor, anchor, (), GateSettings())
    assert {result.gate for result in results} == set(gate_names())
    return decide(results).publish, {result.gate for result in results if not result.passed}


def test_an_adapter_liked_better_passes(tmp_path: Path, anchor: Measurements) -> None:
    liked = measure(_FakeEngine(_sensible), "v1", _setup(tmp_path, bonus=0.5))  # type: ignore[arg-type]
    assert _verdict(liked, anchor) == (True, set())


def _persona_breaking(probe: GateProbe, seed: int) -> str:
    text = _sensible(probe, seed)
    return f"僕は{text}" if seed % 10 == 0 else text


_SABOTEURS: dict[str, tuple[Says, set[str]]] = {
    "refusing": (
        lambda _, seed: f"{_word(seed, 9)}については存じませんわ。",
        {"over_refusal.anchor", "card_fact.anchor", "swapped_fact.anchor"},
    ),
    "parroting": (lambda p, _: f"{p.user}ですわ。", {"parroting.anchor", "card_fact.anchor"}),
    "verbose": (
        lambda p, s: f"{_sensible(p, s)}{_word(s // 5, 12)}ですの。", {"length.anchor"}
    ),
    "persona-breaking": (_persona_breaking, {"foreign_first_person.anchor"}),
    "dull": (lambda _, __: "まあ、とても素敵ですわ。", {"stock.anchor", "distinct_2.anchor"}),
    "silent": (lambda p, s: "" if p.id == "everyday-007" else _sensible(p, s), {"empty"}),
}  # fmt: skip


@pytest.mark.parametrize("name", _SABOTEURS)
def test_saboteurs_that_both_evaluators_love(
    name: str, tmp_path: Path, anchor: Measurements
) -> None:
    says, expected = _SABOTEURS[name]
    loved = measure(_FakeEngine(says), "v1", _setup(tmp_path, bonus=4.0))  # type: ignore[arg-type]
    published, failed = _verdict(loved, anchor)
    assert not published
    assert expected <= failed


def test_weights_that_give_no_numbers(tmp_path: Path, anchor: Measurements) -> None:
    broken = measure(_FakeEngine(_sensible), "v1", _setup(tmp_path, bonus=0.5, level=math.nan))  # type: ignore[arg-type]
    published, failed = _verdict(broken, anchor)
    assert not published
    assert {"not_a_number", "perplexity.anchor", "drift.perplexity"} <= failed
    # Read back from the cache it is still no number.
    again = measure(_FakeEngine(_sensible), "v1", _setup(tmp_path, bonus=0.5))  # type: ignore[arg-type]
    assert _verdict(again, anchor)[1] == failed
