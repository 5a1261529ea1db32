"""Whole arenas over scripted engines and judges: rounds, resuming, figures, report."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from persona.card import SHIPPED_CARD, load_card
from persona.engine import Finished, GenerationRequest, Message
from persona.errors import EngineError
from persona.prompt import build_messages
from rlaif.arena import ArenaSettings, ArenaSetup, Contestant, Scene, hold_arena, periods_of
from rlaif.arena_files import write_arena
from rlaif.arena_judges import ComparingJudge, ScoreJudge
from rlaif.arena_ratings import rate
from rlaif.arena_report import ArenaReport, Judged, arena_json, arena_markdown
from rlaif.arena_statistics import arena_figures
from rlaif.errors import ArenaError
from tests.fakes import FakeEngine
from tests.rlaif.test_arena_judges import Compares, LikesStars

_CARD = load_card(SHIPPED_CARD)
_SCENES = tuple(
    Scene(
        name=f"scene-{at}",
        turns=(Message(role="user", content=f"{at}番目のお話を聞かせて。"),),
        facts=("絢音は紅茶が好きである。",),
    )
    for at in range(12)
)


@dataclass
class _Stage:
    """A setup over an engine that counts, and may break after some batches."""

    folder: Path
    voices: dict[str | None, tuple[str, ...]]
    lives: int = 1000
    requests: list[GenerationRequest] = field(default_factory=list)
    opened: int = 0

    def setup(self, settings: ArenaSettings | None = None) -> ArenaSetup:
        def contestant(adapter: str | None) -> Contestant:
            return Contestant(
                label=adapter or "base",
                id=f"id {adapter}",
                adapter=adapter,
                folder=None if adapter is None else self.folder / adapter,
            )

        return ArenaSetup(
            card=_CARD,
            scenes=_SCENES,
            contestants=tuple(contestant(one) for one in self.voices),
            engine=self._open,
            cache_folder=self.folder / "cache",
            settings=settings or ArenaSettings(),
            report=lambda _stage, _share: None,
        )

    def _open(self) -> FakeEngine:
        self.opened += 1
        stage = self

        class Counting(FakeEngine):
            def generate_batch(self, requests: Sequence[GenerationRequest]) -> list[Finished]:
                if stage.lives <= 0:
                    raise EngineError("the engine was closed before the batch ended")
                stage.lives -= 1
                stage.requests.extend(requests)
                return super().generate_batch(requests)

        return Counting(voices=self.voices)


@pytest.fixture
def stage(tmp_path: Path) -> _Stage:
    return _Stage(tmp_path, {None: ("・", "★"), "good": ("★", "★★"), "fair": ("・", "★", "★★")})


def test_the_better_version_comes_first_and_every_deviation_reaches_the_target(
    stage: _Stage,
) -> None:
    arena = hold_arena(stage.setup(), ScoreJudge(LikesStars(), stage.folder / "cache"))
    assert arena.settled
    assert arena.rounds >= 2
    assert all(one.deviation <= 50 for one in arena.ratings.values())
    ratings = {name: one.rating for name, one in arena.ratings.items()}
    assert ratings["good"] > ratings["fair"] > ratings["base"]
    # 12 situations, 3 pairs a round.
    assert len(arena.played) == arena.rounds * 12 * 3


def test_versions_speak_by_the_chats_prompt_with_one_seed_a_round(stage: _Stage) -> None:
    settings = ArenaSettings(fewest_rounds=2, most_rounds=2)
    hold_arena(stage.setup(settings), ScoreJudge(LikesStars(), stage.folder / "cache"))
    said = [
        one
        for one in stage.requests
        if one.messages[-1].content.endswith(f"\n{_SCENES[0].turns[0].content}")
    ]
    wanted = build_messages(_CARD, (), _SCENES[0].turns[0].content, _SCENES[0].facts)
    assert {one.messages for one in said} == {wanted}
    seeds = {
        adapter: {one.sampling.seed for one in said if one.adapter == adapter}
        for adapter in stage.voices
    }
    assert all(len(found) == 2 for found in seeds.values())
    assert len({frozenset(found) for found in seeds.values()}) == 1


def test_it_stops_at_the_bound_and_says_so(stage: _Stage) -> None:
    settings = ArenaSettings(target_deviation=1, fewest_rounds=1, most_rounds=3)
    arena = hold_arena(stage.setup(settings), ScoreJudge(LikesStars(), stage.folder / "cache"))
    assert (arena.rounds, arena.settled) == (3, False)


def test_nobody_waits_for_a_version_that_loses_everything(tmp_path: Path) -> None:
    stage = _Stage(tmp_path, {None: ("・",), "good": ("★", "★★"), "fair": ("★★", "★")})
    arena = hold_arena(stage.setup(), ScoreJudge(LikesStars(), tmp_path / "cache"))
    assert arena.one_sided == ("base",)
    assert not arena.settled
    assert arena.rounds < ArenaSettings().most_rounds
    assert arena.ratings["base"].deviation > 50
    assert all(arena.ratings[name].deviation <= 50 for name in ("good", "fair"))
    redrawn = arena_figures(arena, draws=2).redrawn
    assert redrawn["base"] is None
    assert redrawn["good"] is not None


def test_a_broken_arena_goes_on_where_it_was(stage: _Stage) -> None:
    settings = ArenaSettings(fewest_rounds=2, most_rounds=2)
    whole = _Stage(stage.folder / "whole", stage.voices)
    wanted = hold_arena(whole.setup(settings), ScoreJudge(LikesStars(), whole.folder / "cache"))
    stage.lives = 4
    with pytest.raises(EngineError):
        hold_arena(stage.setup(settings), ScoreJudge(LikesStars(), stage.folder / "cache"))
    stage.lives = 1000
    judge = ScoreJudge(LikesStars(), stage.folder / "cache")
    assert hold_arena(stage.setup(settings), judge) == wanted
    # Every reply was made once over both runs: 12 situations, 3 versions, 2 rounds.
    assert len(stage.requests) == 12 * 3 * 2
    opened = stage.opened
    hold_arena(stage.setup(settings), ComparingJudge(Compares(), stage.folder / "cache"))
    assert stage.opened == opened, "a second judge needs no engine"


def test_a_changed_seed_or_prompt_asks_anew(stage: _Stage) -> None:
    once = ArenaSettings(fewest_rounds=1, most_rounds=1)
    judge = ScoreJudge(LikesStars(), stage.folder / "cache")
    hold_arena(stage.setup(once), judge)
    before = len(stage.requests)
    hold_arena(stage.setup(replace(once, seed=1)), judge)
    assert len(stage.requests) == 2 * before
    other = replace(stage.setup(once), card=replace(_CARD, style_notes=("静かに話す。",)))
    hold_arena(other, judge)
    assert len(stage.requests) == 3 * before


def test_what_the_filter_catches_is_judged_as_the_visitor_would_see_it(tmp_path: Path) -> None:
    flagged = "あなたなんて死んでしまえばよろしいのですわ。★★★★★"
    stage = _Stage(tmp_path, {None: (flagged,), "good": ("★",)})
    settings = ArenaSettings(fewest_rounds=1, most_rounds=1)
    arena = hold_arena(stage.setup(settings), ScoreJudge(LikesStars(), tmp_path / "cache"))
    assert not any("★" in one.bout.first_reply for one in arena.played)
    assert arena.ratings["good"].rating > arena.ratings["base"].rating


def test_one_version_or_one_twice_is_no_arena(stage: _Stage) -> None:
    setup = stage.setup()
    for chosen in (setup.contestants[:1], (setup.contestants[1], setup.contestants[1])):
        with pytest.raises(ArenaError, match="two or more different"):
            replace(setup, contestants=chosen)
    with pytest.raises(ArenaError, match="no situation"):
        replace(setup, scenes=())


def test_a_judge_that_decides_nothing_is_an_error(tmp_path: Path) -> None:
    stage = _Stage(tmp_path, {None: ("無",), "good": ("無無",)})
    with pytest.raises(ArenaError, match=r"decided none of the 12 bouts .*nothing to see"):
        hold_arena(stage.setup(), ScoreJudge(LikesStars(), tmp_path / "cache"))


def test_figures_of_a_judge_with_a_taste_for_what_comes_first(tmp_path: Path) -> None:
    stage = _Stage(tmp_path, {None: ("・",), "good": ("★",), "plain": ("。",)})
    settings = ArenaSettings(fewest_rounds=2, most_rounds=2)
    arena = hold_arena(stage.setup(settings), ComparingJudge(Compares(), tmp_path / "cache"))
    figures = arena_figures(arena, draws=2)
    by_pair = {(one.first, one.second): one for one in figures.meetings}
    lost, even = by_pair[("base", "good")], by_pair[("base", "plain")]
    assert (lost.won, lost.tied, lost.lost, lost.clear) == (0, 0, 24, True)
    assert (even.won, even.tied, even.lost, even.clear) == (0, 24, 0, False)
    orders = figures.orders
    assert orders.flipped is not None
    assert orders.first_preferred is not None
    # One pair of three flips. First preferred: both answers of that one, one of two of the others.
    assert orders.flipped.value == pytest.approx(1 / 3)
    assert orders.first_preferred.value == pytest.approx((2 + 1 + 1) / 6)
    good = figures.points["good"]
    assert good is not None
    assert good.value == 1.0


def test_rounds_make_deviations_small_and_not_the_interval_over_situations(tmp_path: Path) -> None:
    """Half of the situations suit one version and half the other, in every round alike."""
    stage = _Stage(tmp_path, {None: ("・",), "other": ("★",)})

    def widths(rounds: int) -> tuple[float, float]:
        """Half the redrawn interval, and two deviations."""
        held = hold_arena(
            stage.setup(ArenaSettings(fewest_rounds=rounds, most_rounds=rounds)),
            ScoreJudge(LikesStars(), tmp_path / "cache"),
        )
        mixed = tuple(
            replace(one, bout=replace(one.bout, first="other", second="base"))
            if int(one.bout.situation.split("-")[1]) % 2
            else one
            for one in held.played
        )
        arena = replace(held, played=mixed, one_sided=())
        redrawn = arena_figures(arena, draws=40).redrawn["base"]
        assert redrawn is not None
        deviation = rate(held.versions, periods_of(mixed, 2))["base"].deviation
        return (redrawn[1] - redrawn[0]) / 2, 2 * deviation

    few, many = widths(2), widths(6)
    assert many[1] < 0.65 * few[1]
    assert many[0] > 0.85 * few[0]


def _report(stage: _Stage) -> ArenaReport:
    settings = ArenaSettings(fewest_rounds=2, most_rounds=2)
    setup = stage.setup(settings)
    judges = {
        "stars": ScoreJudge(LikesStars(), stage.folder / "cache"),
        "compares": ComparingJudge(Compares(), stage.folder / "cache"),
    }
    held = {name: hold_arena(setup, judge) for name, judge in judges.items()}
    return ArenaReport(
        persona=_CARD.name,
        source="the shipped set",
        situations=tuple(one.name for one in _SCENES),
        contestants=tuple(setup.contestants),
        settings=settings,
        judged=tuple(
            Judged(name=name, arena=one, figures=arena_figures(one, draws=5), warnings=("Beware.",))
            for name, one in held.items()
        ),
    )


def test_the_report_holds_every_figure_and_every_bout(stage: _Stage) -> None:
    report = _report(stage)
    paths = write_arena(report, stage.folder / "out")
    assert [path.name for path in paths] == ["arena.json", "arena.md", "arena.png"]
    assert paths[2].read_bytes().startswith(b"\x89PNG")
    written = json.loads(paths[0].read_text(encoding="utf-8"))
    stars, compares = written["judges"]
    assert len(stars["bouts"]) == 12 * 3 * 2
    assert stars["bouts"][0]["first"] == {
        "version": "base",
        "reply": report.judged[0].arena.played[0].bout.first_reply,
    }
    assert stars["ratings"]["good"]["low"] < stars["ratings"]["good"]["rating"]
    assert stars["orders"] == {"flipped": None, "first_preferred": None}
    assert compares["orders"]["flipped"]["n"] > 0
    assert "bouts" not in json.dumps(arena_json(report)["judges"])
    text = arena_markdown(report)
    assert "**Beware.**" in text
    assert "there is no order to depend on" in text
    rows = [line for line in text.splitlines() if line.startswith("| good | 1")]
    assert len(rows) == 2
