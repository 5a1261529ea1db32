"""Table 3 on a tiny model: real candidates, pairs, training and figures; a scripted evaluator."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import torch

from persona.card import SHIPPED_CARD, load_card
from persona.dialogues import DialogueRow, read_card_rows
from persona.local_engine import EngineSettings, LocalEngine
from rlaif.errors import PairingError
from rlaif.evaluator import Assessment, Dialogue, EvaluatorKind, Unscored
from rlaif.gate_statistics import Case
from rlaif.make_candidates import CandidateSettings
from rlaif.metrics import METRIC_KEYS
from rlaif.night_work import MeasuredAdapter
from rlaif.pair_caps import CapSettings
from rlaif.pair_proposals import ProposalSettings
from rlaif.pairs import PairSettings
from rlaif.perplexity import PerplexitySettings, reply_nats
from rlaif.table3 import (
    PolicyOrder,
    Report,
    Table3Parts,
    Table3Settings,
    make_table3,
    training_contexts,
)
from rlaif.table3_report import (
    MEAN,
    Answers,
    PolicyAnswers,
    table3_json,
    table3_markdown,
    table_rows,
)
from rlaif.train import Lineage, PreferenceRun, PreferenceSettings, train_preferences
from tests.persona.tiny_model import tiny_loaded, write_adapter

_CARD = load_card(SHIPPED_CARD)


@dataclass(frozen=True)
class _Kana:
    """Likes kana that the metric's number picks: a judge with twelve opinions."""

    id: str = "kana-1"
    kind: EvaluatorKind = "judge"
    blind: str = "\0"

    def assess(
        self, dialogues: Sequence[Dialogue], report: Callable[[int], None] | None = None
    ) -> list[Assessment | Unscored]:
        return [
            Unscored(reason="blind") if self.blind in one.reply else self._one(one.reply)
            for one in dialogues
        ]

    def _one(self, reply: str) -> Assessment:
        values = {
            key: sum(ord(letter) % 13 <= at for letter in reply) * 10 / max(len(reply), 1)
            for at, key in enumerate(METRIC_KEYS)
        }
        return Assessment(values=values, spread={})


@dataclass
class _Machine:
    """The parts on a tiny model, and what was asked of it."""

    home: Path
    evaluator: _Kana = field(default_factory=_Kana)
    orders: list[PolicyOrder] = field(default_factory=list)
    _engine: LocalEngine | None = None

    def parts(self) -> Table3Parts:
        anchor = write_adapter(self.home / "anchor", seed=3)
        return Table3Parts(
            card=_CARD,
            train_rows=read_card_rows(SHIPPED_CARD, "train"),
            test_rows=read_card_rows(SHIPPED_CARD, "test"),
            anchor=MeasuredAdapter(id="anchor", folder=anchor),
            evaluator=self.evaluator,
            engine=self._speaking,
            close_engine=self._close,
            train=self._train,
            nats=self._nats,
            report=lambda _stage, _share: None,
        )

    def _speaking(self) -> LocalEngine:
        if self._engine is None:
            self._engine = LocalEngine(tiny_loaded(), EngineSettings(threads=1))
        return self._engine

    def _close(self) -> None:
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def _train(self, order: PolicyOrder, report: Report) -> MeasuredAdapter:
        assert self._engine is None, "the speaking model was still in memory"
        self.orders.append(order)
        torch.set_num_threads(1)
        manifest = train_preferences(
            tiny_loaded(),
            PreferenceRun(
                card=_CARD,
                anchor_folder=self.home / "anchor",
                pairs=order.pairs,
                replay_pairs=order.replay_pairs,
                work_folder=self.home / "training" / order.name,
                adapters_folder=self.home / "adapters",
                lineage=Lineage(date="2026-01-01"),
                settings=PreferenceSettings(max_row_tokens=2000, safety_pairs=1),
            ),
        )
        name = str(manifest["id"])
        return MeasuredAdapter(id=name, folder=self.home / "adapters" / name)

    def _nats(self, adapter: MeasuredAdapter, rows: Sequence[DialogueRow]) -> list[Case]:
        settings = PerplexitySettings(max_tokens=2000)
        return reply_nats(tiny_loaded(), adapter.folder, _CARD, rows, settings=settings)


def _settings(**changes: object) -> Table3Settings:
    """Few contexts and any pairs: the tiny model babbles."""
    proposal = ProposalSettings(
        night_bar=0.0, margin=0.01, length_tolerance=9.0, penalty_limit=10.0
    )
    few = Table3Settings(
        contexts=6,
        held_out=6,
        candidates=CandidateSettings(temperatures=(0.7, 1.2), max_new_tokens=12),
        pairs=PairSettings(proposal=proposal, caps=CapSettings(single_user=True)),
    )
    chat = replace(few.chat, max_new_tokens=12)
    return replace(few, chat=chat, **changes)  # type: ignore[arg-type]


@pytest.fixture
def machine(tmp_path: Path) -> _Machine:
    torch.set_num_threads(1)
    return _Machine(tmp_path)


def test_one_policy_on_the_mixture(machine: _Machine) -> None:
    table = make_table3(machine.parts(), _settings())

    assert [order.name for order in machine.orders] == ["mixture"]
    assert [row.metric for row in table.rows] == [*METRIC_KEYS, MEAN]
    assert len({row.policy for row in table.rows}) == 1
    assert len({row.perplexity for row in table.rows[:-1]}) == 1
    rows = table.rows[:-1]
    mean = table.rows[-1]
    assert mean.before.value == pytest.approx(sum(row.before.value for row in rows) / 12)
    assert mean.change.value == pytest.approx(sum(row.change.value for row in rows) / 12)
    assert mean.perplexity.after == pytest.approx(rows[0].perplexity.after)
    assert mean.perplexity.after != mean.perplexity.before


@pytest.mark.slow
def test_a_policy_per_metric_is_read_by_its_own_metric(machine: _Machine) -> None:
    table = make_table3(machine.parts(), _settings(per_metric=True))

    assert [order.name for order in machine.orders] == list(METRIC_KEYS)
    policies = [row.policy for row in table.rows[:-1]]
    assert len(set(policies)) == 12
    for order in machine.orders:
        for pair in order.pairs:
            assert pair.preference.margin is not None
            assert pair.preference.margin > 0
        assert len(order.replay_pairs) >= len(order.pairs) / 4


def test_contexts_are_one_per_topic_and_never_about_safety() -> None:
    rows = read_card_rows(SHIPPED_CARD, "train")

    contexts = training_contexts(rows, 100)

    assert len({row.topic for row in contexts}) == 100
    assert all(row.kind != "safety" for row in contexts)
    assert contexts == training_contexts(rows[::-1], 100)


def test_a_reward_without_pairs_is_an_error(machine: _Machine) -> None:
    none = PairSettings(proposal=ProposalSettings(margin=1000.0))

    with pytest.raises(PairingError, match="gave no pair"):
        make_table3(machine.parts(), _settings(pairs=none))


def _cases(values: Sequence[float], weight: float = 1.0) -> tuple[Case, ...]:
    return tuple(
        Case(id=str(at), topic=str(at % 3), value=value, weight=weight)
        for at, value in enumerate(values)
    )


def test_figures_by_hand() -> None:
    before = Answers(
        scores=dict.fromkeys(METRIC_KEYS, _cases([4, 5, 6])), nats=_cases([20] * 3, 10), unscored=0
    )
    after = Answers(
        scores=dict.fromkeys(METRIC_KEYS, _cases([5, 6, 7])), nats=_cases([21] * 3, 10), unscored=0
    )
    policy = PolicyAnswers(policy="new", pairs=70, answers=after)

    rows = table_rows(before, dict.fromkeys(METRIC_KEYS, policy))

    for row in rows:
        assert row.before.value == pytest.approx(5)
        assert row.after.value == pytest.approx(6)
        # Every reply gained one point, so there is nothing to be unsure of.
        assert (row.change.value, row.change.low, row.change.high) == pytest.approx((1, 1, 1))
        assert row.perplexity.before == pytest.approx(math.exp(2))
        assert row.perplexity.after == pytest.approx(math.exp(2.1))
        assert row.perplexity.ratio == pytest.approx(math.exp(0.1))
    assert rows[-1].pairs == 70


def test_replies_that_one_side_lacks_are_left_out_of_both() -> None:
    nats = _cases([20] * 4, 10)
    before = Answers(scores=dict.fromkeys(METRIC_KEYS, _cases([4, 5, 6, 9])), nats=nats, unscored=0)
    after = Answers(scores=dict.fromkeys(METRIC_KEYS, _cases([4, 5, 6])), nats=nats, unscored=1)
    policy = PolicyAnswers(policy="new", pairs=70, answers=after)

    rows = table_rows(before, dict.fromkeys(METRIC_KEYS, policy))

    assert {row.before.n for row in rows} == {3}
    assert {row.change.value for row in rows} == {0.0}


def test_what_could_not_be_scored_is_told(machine: _Machine) -> None:
    table = make_table3(machine.parts(), _settings())
    text = table3_markdown(replace(table, unscored=3))

    lines = text.splitlines()
    assert lines[2] == (
        "| Metric | AIF before | AIF after DPO | Change (95 %) | PPL before | PPL after DPO |"
    )
    assert lines[4].startswith("| Agency |")
    assert any(line.startswith("| Mean |") for line in lines)
    assert "3 replies could not be scored" in text
    facts = table3_json(table)
    assert facts["held_out"] == 6
    assert facts["unscored"] == 0
