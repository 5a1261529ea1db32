"""An arena: versions of one persona answer the same situations, and a judge compares every two.

A round is one new reply of every version to every situation, all versions with the same seed, and
all pairs of versions compared. Rounds go on until every rating is known well enough or there have
been too many. Replies and verdicts are kept, so that a stopped arena goes
on and a second judge finds the replies made.

The idea of rating a persona by pairs over fixed situations is that of japanese-llm-roleplay-
benchmark; situations, prompts and code are our own.
"""

import hashlib
import itertools
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from persona.card import Card
from persona.engine import Engine, GenerationRequest, Message, Sampling
from persona.prompt import build_messages
from persona.safety import check_reply, deflection
from rlaif.arena_judges import Bout, BoutJudge, Verdict, arena_cache
from rlaif.arena_ratings import Game, Rating, rate
from rlaif.errors import ArenaError
from rlaif.evaluator import Unscored
from rlaif.measurement_cache import MeasurementCache, digest

_BATCH = 16
_PERIOD_GAMES = 12
"""Of one version; Glickman advises 10 to 15."""
_SCORES = {"a": 1.0, "tie": 0.5, "b": 0.0}

Report = Callable[[str, float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A situation with the facts that every version sees beside it."""

    name: str
    turns: tuple[Message, ...]
    facts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """`label`: what it is called in the report. `adapter`: its id, None for the bare base model;
    `folder` is the adapter's. `id`: what its replies are kept under; it changes with the weights."""

    label: str
    id: str
    adapter: str | None
    folder: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArenaSettings:
    """When it is enough.

    Rounds go on until every rating deviation is at most `target_deviation`, at least
    `fewest_rounds` and at most `most_rounds`. `sampling` is the chat's; `seed` begins the draws.
    """

    target_deviation: float = 50.0
    fewest_rounds: int = 2
    most_rounds: int = 12
    sampling: Sampling = field(default_factory=Sampling)
    seed: int = 0

    def __post_init__(self) -> None:
        if self.target_deviation <= 0:
            raise ArenaError(
                f"the target deviation is {self.target_deviation}; expected more than 0"
            )
        if not 1 <= self.fewest_rounds <= self.most_rounds:
            raise ArenaError(
                f"the rounds are {self.fewest_rounds} to {self.most_rounds}; expected 1 or more and "
                "no more at least than at most"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ArenaSetup:
    """Who meets where. The engine is asked for only when a reply is missing."""

    card: Card
    scenes: Sequence[Scene]
    contestants: Sequence[Contestant]
    engine: Callable[[], Engine]
    cache_folder: Path
    settings: ArenaSettings
    report: Report

    def __post_init__(self) -> None:
        ids = [one.id for one in self.contestants]
        if len(ids) < 2 or len(set(ids)) < len(ids):
            names = ", ".join(f"{one.label} ({one.id})" for one in self.contestants)
            raise ArenaError(f"the versions are {names}; expected two or more different ones")
        if not self.scenes:
            raise ArenaError("there is no situation; expected one or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A bout, its versions by their labels, and what became of it."""

    bout: Bout
    verdict: Verdict | Unscored


@dataclass(frozen=True, slots=True, kw_only=True)
class Arena:
    """What one judge made of it. `settled`: every deviation reached the target.

    `one_sided`: versions that won or lost every bout. How far they are ahead or behind no number of
    bouts can tell, so their deviation stays large and nobody waits for it.
    """

    judge: str
    versions: tuple[str, ...]
    rounds: int
    played: tuple[Played, ...]
    ratings: dict[str, Rating]
    settled: bool
    one_sided: tuple[str, ...]


def hold_arena(setup: ArenaSetup, judge: BoutJudge) -> Arena:
    """Play rounds until the ratings are known well enough.

    Raises EvaluatorError when the judge cannot be asked or leaves every bout undecided, EngineError
    and AdapterError when a version cannot speak; what was done is kept.
    """
    played: list[Played] = []
    labels = {one.id: one.label for one in setup.contestants}
    versions, settings = tuple(labels.values()), setup.settings
    number, enough = 0, False
    while number < settings.most_rounds and not enough:
        played += _round(setup, judge, number, labels)
        number += 1
        periods = periods_of(played, len(versions))
        ratings, lopsided = rate(versions, periods), _one_sided(versions, periods)
        wide = [name for name, one in ratings.items() if one.deviation > settings.target_deviation]
        enough = number >= settings.fewest_rounds and set(wide) <= set(lopsided)
    return Arena(
        judge=judge.id,
        versions=versions,
        rounds=number,
        played=tuple(played),
        ratings=ratings,
        settled=not wide,
        one_sided=lopsided,
    )


def _one_sided(versions: Sequence[str], periods: Sequence[Sequence[Game]]) -> tuple[str, ...]:
    scores: dict[str, set[float]] = {name: set() for name in versions}
    for game in itertools.chain.from_iterable(periods):
        scores[game.first].add(game.score)
        scores[game.second].add(1 - game.score)
    return tuple(name for name, found in scores.items() if found in ({0.0}, {1.0}))


def periods_of(played: Sequence[Played], versions: int) -> list[list[Game]]:
    """The decided bouts as games, in rating periods of about a dozen for each of the versions.

    A period lies within one round. Longer ones would rate everybody against opponents of whom
    nothing is known yet, which spreads the ratings too far; in shorter ones chance rules.
    """
    rounds: dict[int, list[Game]] = {}
    for one in played:
        games = rounds.setdefault(one.bout.round, [])
        if isinstance(one.verdict, Verdict):
            games.append(
                Game(
                    first=one.bout.first,
                    second=one.bout.second,
                    score=_SCORES[one.verdict.preferred],
                )
            )
    wanted = _PERIOD_GAMES * versions / 2
    periods: list[list[Game]] = []
    for games in rounds.values():
        count = max(1, round(len(games) / wanted))
        edges = [at * len(games) // count for at in range(count + 1)]
        periods += [games[low:high] for low, high in itertools.pairwise(edges)]
    return periods


def _round(
    setup: ArenaSetup, judge: BoutJudge, number: int, labels: dict[str, str]
) -> list[Played]:
    replies = {one.id: _replies(setup, one, number) for one in setup.contestants}
    bouts = [
        Bout(
            situation=scene.name,
            round=number,
            turns=scene.turns,
            facts=scene.facts,
            first=first.id,
            second=second.id,
            first_reply=replies[first.id][at],
            second_reply=replies[second.id][at],
        )
        for at, scene in enumerate(setup.scenes)
        for first, second in itertools.combinations(setup.contestants, 2)
    ]
    verdicts = judge.decide(
        bouts,
        lambda done, total: setup.report(f"round {number + 1}, verdicts", done / total),
    )
    if all(isinstance(one, Unscored) for one in verdicts):
        reasons = sorted({one.reason for one in verdicts if isinstance(one, Unscored)})
        raise ArenaError(
            f"the judge {judge.id} decided none of the {len(bouts)} bouts of round {number + 1} "
            f"({'; '.join(reasons)[:200]}); expected verdicts: try another --judge"
        )
    return [
        Played(
            bout=replace(bout, first=labels[bout.first], second=labels[bout.second]),
            verdict=verdict,
        )
        for bout, verdict in zip(bouts, verdicts, strict=True)
    ]


def _replies(setup: ArenaSetup, contestant: Contestant, number: int) -> list[str]:
    """What the version answers to each situation in this round, as the chat would show it."""
    cache = arena_cache(setup.cache_folder, contestant.id)
    requests = [_request(setup, contestant, scene, number) for scene in setup.scenes]
    keys = [_reply_key(request) for request in requests]
    missing = [at for at, key in enumerate(keys) if cache.reply(key) is None]
    for start in range(0, len(missing), _BATCH):
        batch = missing[start : start + _BATCH]
        _answer(setup, contestant, {keys[at]: requests[at] for at in batch}, cache)
        stage = f"round {number + 1}, replies of {contestant.label}"
        setup.report(stage, (start + len(batch)) / len(missing))
    return [
        _as_shown(cache.reply(key) or "", request.sampling.seed)
        for key, request in zip(keys, requests, strict=True)
    ]


def _answer(
    setup: ArenaSetup,
    contestant: Contestant,
    requests: dict[str, GenerationRequest],
    cache: MeasurementCache,
) -> None:
    engine = setup.engine()
    adapter, folder = contestant.adapter, contestant.folder
    if adapter is not None and folder is not None and adapter not in engine.adapters():
        engine.add_adapter(adapter, folder)
    ended = engine.generate_batch(list(requests.values()))
    cache.add_replies({key: end.text.strip() for key, end in zip(requests, ended, strict=True)})


def _request(
    setup: ArenaSetup, contestant: Contestant, scene: Scene, number: int
) -> GenerationRequest:
    # One seed for all versions: what differs is the version and not the draw.
    drawn = hashlib.sha256(f"arena {setup.settings.seed} {scene.name} {number}".encode()).digest()
    return GenerationRequest(
        messages=build_messages(setup.card, scene.turns[:-1], scene.turns[-1].content, scene.facts),
        adapter=contestant.adapter,
        sampling=replace(setup.settings.sampling, seed=int.from_bytes(drawn[:4]) >> 1),
    )


def _reply_key(request: GenerationRequest) -> str:
    turns = [[turn.role, turn.content] for turn in request.messages]
    return digest("arena", turns, asdict(request.sampling))


def _as_shown(said: str, seed: int) -> str:
    """As the chat treats it: what the filter catches is replaced by a deflection."""
    verdict = check_reply(said)
    return deflection(verdict.category, seed) if verdict.flagged else said
