"""The first half of a night: what was said, what it is worth, and which reply beats which."""

import hashlib
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from persona.engine import Sampling
from rlaif.confirm_pairs import confirm_pairs
from rlaif.evaluator import Dialogue
from rlaif.make_candidates import MadeCandidate, Prompt, Speaker, make_candidates
from rlaif.night_reading import Reading, night_window, open_window, read_window
from rlaif.night_work import Detail, NightEnds, NightWork
from rlaif.pairs import Pairing, make_pairs
from rlaif.preference import Drop
from rlaif.prompt_groups import (
    Verdicts,
    pair_history,
    prompt_group,
    seen_before,
    stored_pair,
)
from rlaif.scoring import ScoringResult, Subject, score_subjects
from rlaif.spoken_turns import messages_of
from rlaif.training_set import worth_training
from store.adapters import active_adapter
from store.candidates import append_candidates, list_candidates, newest_candidates
from store.night_records import (
    Candidate,
    LearnableTurn,
    NewCandidate,
    NewConflict,
    NewDrop,
)
from store.night_scope import save_night_turns
from store.nights import load_night
from store.pair_queue import save_conflicts, save_drops
from store.pairs import earlier_pairs, list_pairs, save_pairs
from store.rewards import load_rewards
from store.scores import load_scores


def collect(work: NightWork) -> Detail:
    """Fix the window: consented turns since the last night that paired, until now.

    Without any the night goes on only if the pairs of earlier ones have changed: somebody was
    erased, or operators decided.
    """
    window = open_window(work, work.now())
    reading = read_window(work, window)
    with work.database.reading() as session:
        adapter = active_adapter(session)
    with work.writing() as session:
        save_night_turns(session, work.claim, [turn.turn_id for turn in reading.turns])
    detail: Detail = {
        **window.as_detail(),
        "adapter": adapter,
        "turns": len(reading.new),
        "read_again": len(reading.again),
        "too_many": len(reading.too_many),
        "visitors": len({turn.visitor_id for turn in reading.turns}),
    }
    if not reading.turns and not worth_training(work, adapter):
        raise NightEnds(
            "skipped", "nobody who allows learning has talked since the last night", detail
        )
    return detail


def score(work: NightWork) -> Detail:
    """Score every variant of the day's replies."""
    evaluator = work.parts.training_evaluator()
    subjects = [
        Subject(id=reply.id, is_candidate=False, dialogue=_dialogue(turn, reply.text, reply.facts))
        for turn in read_tonight(work).turns
        for reply in turn.replies
    ]
    return _scoring_detail(evaluator.id, score_subjects(work, evaluator, subjects))


def candidates(work: NightWork) -> Detail:
    """Answer every new prompt again, a few ways each, from the adapter in production."""
    turns = read_tonight(work).new
    adapter = adapter_of_the_night(work)
    with work.database.reading() as session:
        made = {candidate.turn_id for candidate in list_candidates(session, work.date)}
    missing = [turn for turn in turns if turn.turn_id not in made]
    done = len(turns) - len(missing)
    prompts = [
        Prompt(turn_id=turn.turn_id, turns=messages_of(turn), facts=turn.shown.facts)
        for turn in missing
    ]
    if not prompts:
        return {"candidates": len(_candidates(work, turns)), "adapter": adapter}
    speaker = Speaker(card=work.parts.card, adapter=adapter, night=work.date)
    for lot in make_candidates(work.speaking(adapter), speaker, prompts, work.settings.candidates):
        with work.writing() as session:
            append_candidates(
                session, work.claim, [_new_candidate(one, adapter) for one in lot], now=work.now()
            )
        done += len({one.turn_id for one in lot})
        work.progress(done, len(turns))
    return {"candidates": len(_candidates(work, turns)), "adapter": adapter}


def score_candidates(work: NightWork) -> Detail:
    """Score the candidates with the same evaluator, those of turns read again included."""
    evaluator = work.parts.training_evaluator()
    turns = {turn.turn_id: turn for turn in read_tonight(work).turns}
    subjects = [
        Subject(
            id=one.id,
            is_candidate=True,
            dialogue=_dialogue(turns[one.turn_id], one.text, turns[one.turn_id].shown.facts),
        )
        for one in _candidates(work, turns.values())
        if one.text
    ]
    replies = work.detail("score")
    before = bool(replies["scored"] or replies["known"])
    return _scoring_detail(
        evaluator.id, score_subjects(work, evaluator, subjects, scored_before=before)
    )


def pair(work: NightWork) -> Detail:
    """Make tonight's preferences; what gave none is stored with its reason."""
    pairing = propose(work)
    with work.writing() as session:
        stored = save_pairs(
            session, work.claim, [stored_pair(one) for one in pairing.pairs], now=work.now()
        )
        save_drops(
            session,
            work.claim,
            [
                NewDrop(turn_id=drop.turn_id, reason=drop.reason, detail=drop.detail)
                for drop in pairing.drops
            ],
        )
        conflicts = save_conflicts(
            session,
            work.claim,
            [
                NewConflict(
                    turn_id=one.turn_id,
                    reply_id=one.reply_id,
                    signal=one.signal,
                    reward_quantile=one.reward_quantile,
                )
                for one in pairing.conflicts
            ],
            now=work.now(),
        )
    return {
        "pairs": stored,
        "by_source": dict(Counter(p.source for p in pairing.pairs)),
        "drops": dict(Counter(drop.reason for drop in pairing.drops)),
        "conflicts": conflicts,
    }


def propose(work: NightWork) -> Pairing:
    """Tonight's pairing as it follows from the store now.

    Writes nothing but what a judge that compares has found.
    """
    evaluator = work.parts.training_evaluator()
    reading = read_tonight(work)
    turns = reading.turns
    by_turn: dict[str, list[Candidate]] = defaultdict(list)
    for one in _candidates(work, turns):
        by_turn[one.turn_id].append(one)
    subjects = [reply.id for turn in turns for reply in turn.replies]
    subjects += [one.id for some in by_turn.values() for one in some]
    with work.database.reading() as session:
        scores = load_scores(session, subjects, evaluator.id)
        rewards = load_rewards(session, work.date, evaluator.id, subjects)
        earlier = earlier_pairs(session, [turn.turn_id for turn in turns], except_night=work.date)
        history = pair_history(session, work, turns, earlier)
    verdicts = Verdicts(scores=scores, rewards=rewards)
    again = {turn.turn_id for turn in reading.again}
    groups = [
        seen_before(
            prompt_group(work, turn, by_turn[turn.turn_id], verdicts),
            earlier.get(turn.turn_id, []),
            again=turn.turn_id in again,
        )
        for turn in turns
    ]
    digest = hashlib.sha256(f"pairs {work.date}".encode()).digest()
    pairing = make_pairs(
        groups, work.settings.pairs, history, random.Random(int.from_bytes(digest[:8]))
    )
    judge = work.parts.pair_judge()
    confirmed = pairing if judge is None else confirm_pairs(work, pairing, judge)
    left = tuple(Drop(turn_id=turn.turn_id, reason="too_many") for turn in reading.too_many)
    return replace(confirmed, drops=(*confirmed.drops, *left))


def inbox(work: NightWork) -> Detail:
    """Wait for the operators where they want to be asked; after the deadline go on without.

    Raises NightEnds("waiting") while pairs are undecided and the deadline has not passed.
    """
    if work.settings.approval == "auto":
        return {"approval": "auto"}
    with work.database.reading() as session:
        undecided = len(list_pairs(session, work.date, "proposed"))
        night = load_night(session, work.date)
    if night is None:
        raise NightEnds("failed", f"night {work.date} is not in the ledger any longer")
    deadline = (night.began("inbox") or work.now()) + work.settings.deadline
    if undecided and work.now() < deadline:
        raise NightEnds(
            "waiting",
            f"{undecided} pairs wait for an operator until {deadline.isoformat(timespec='minutes')}; "
            f"yogeiko night run --date {work.date} --resume goes on",
        )
    return {"approval": "required", "undecided": undecided, "deadline": deadline.isoformat()}


def read_tonight(work: NightWork) -> Reading:
    """The turns of the night's window as they may be learnt from now."""
    return read_window(work, night_window(work.detail("collect")))


def adapter_of_the_night(work: NightWork) -> str | None:
    """The adapter that was in production when the night began: the candidates are all its own."""
    adapter = work.detail("collect")["adapter"]
    return None if adapter is None else str(adapter)


def _dialogue(turn: LearnableTurn, reply: str, facts: Sequence[str]) -> Dialogue:
    return Dialogue(turns=messages_of(turn), reply=reply, facts=tuple(facts))


def _candidates(work: NightWork, turns: Iterable[LearnableTurn]) -> list[Candidate]:
    """What the newest night that answered each of the turns made of it."""
    with work.database.reading() as session:
        return newest_candidates(session, [turn.turn_id for turn in turns], until=work.date)


def _new_candidate(made: MadeCandidate, adapter: str | None) -> NewCandidate:
    return NewCandidate(
        turn_id=made.turn_id,
        number=made.number,
        text=made.text,
        adapter=adapter,
        seed=made.sampling.seed,
        sampling=sampling_json(made.sampling),
        flagged=made.flagged,
    )


def sampling_json(sampling: Sampling) -> dict[str, float]:
    """The settings of a draw, for the store; the seed has a column of its own."""
    return {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "repetition_penalty": sampling.repetition_penalty,
        "max_new_tokens": sampling.max_new_tokens,
    }


def _scoring_detail(evaluator: str, result: ScoringResult) -> Detail:
    return {
        "evaluator": evaluator,
        "scored": result.scored,
        "known": result.known,
        "failures": result.failures,
    }
