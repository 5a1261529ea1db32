"""The first half of a night: what was said, what it is worth, and which reply beats which."""

import hashlib
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from persona.engine import Sampling
from rlaif.evaluator import Dialogue
from rlaif.make_candidates import MadeCandidate, Prompt, Speaker, make_candidates
from rlaif.night_work import Detail, NightEnds, NightWork
from rlaif.pairs import Pairing, make_pairs
from rlaif.prompt_groups import pair_history, prompt_group, stored_pair
from rlaif.scoring import ScoringResult, Subject, score_subjects
from rlaif.spoken_turns import messages_of
from store.adapters import active_adapter
from store.candidates import append_candidates, list_candidates
from store.learning import list_learnable
from store.night_records import (
    Candidate,
    LearnableTurn,
    NewCandidate,
    NewConflict,
    NewDrop,
)
from store.nights import list_nights, load_night
from store.pair_queue import save_conflicts, save_drops
from store.pairs import list_pairs, save_pairs
from store.scores import load_scores


def collect(work: NightWork) -> Detail:
    """Fix the window: consented turns since the last night that learnt, until now."""
    until = work.now()
    with work.database.reading() as session:
        since = _learnt_until(work, session)
        adapter = active_adapter(session)
    detail: Detail = {
        "since": None if since is None else since.isoformat(),
        "until": until.isoformat(),
        "adapter": adapter,
    }
    turns = _in_window(work, since, until)
    if not turns:
        raise NightEnds("skipped", "nobody who allows learning has talked since the last night")
    visitors = len({turn.visitor_id for turn in turns})
    return {**detail, "turns": len(turns), "visitors": visitors}


def score(work: NightWork) -> Detail:
    """Score every variant of the day's replies."""
    evaluator = work.parts.training_evaluator()
    subjects = [
        Subject(id=reply.id, is_candidate=False, dialogue=_dialogue(turn, reply.text, reply.facts))
        for turn in day(work)
        for reply in turn.replies
    ]
    return _scoring_detail(evaluator.id, score_subjects(work, evaluator, subjects))


def candidates(work: NightWork) -> Detail:
    """Answer every prompt of the day again, a few ways each, from the adapter in production."""
    turns = day(work)
    adapter = adapter_of_the_night(work)
    with work.database.reading() as session:
        made = {candidate.turn_id for candidate in list_candidates(session, work.date)}
    missing = [turn for turn in turns if turn.turn_id not in made]
    done = len(turns) - len(missing)
    prompts = [
        Prompt(turn_id=turn.turn_id, turns=messages_of(turn), facts=turn.shown.facts)
        for turn in missing
    ]
    speaker = Speaker(card=work.parts.card, adapter=adapter, night=work.date)
    for lot in make_candidates(work.speaking(adapter), speaker, prompts, work.settings.candidates):
        with work.writing() as session:
            append_candidates(
                session, work.claim, [_new_candidate(one, adapter) for one in lot], now=work.now()
            )
        done += len({one.turn_id for one in lot})
        work.progress(done, len(turns))
    return {"candidates": len(_candidates(work)), "adapter": adapter}


def score_candidates(work: NightWork) -> Detail:
    """Score the candidates with the same evaluator."""
    evaluator = work.parts.training_evaluator()
    turns = {turn.turn_id: turn for turn in day(work)}
    subjects = [
        Subject(
            id=one.id,
            is_candidate=True,
            dialogue=_dialogue(turns[one.turn_id], one.text, turns[one.turn_id].shown.facts),
        )
        for one in _candidates(work)
        if one.turn_id in turns and one.text
    ]
    return _scoring_detail(evaluator.id, score_subjects(work, evaluator, subjects))


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
    """Tonight's pairing as it follows from the store now; writes nothing."""
    evaluator = work.parts.training_evaluator()
    turns = day(work)
    by_turn: dict[str, list[Candidate]] = defaultdict(list)
    for one in _candidates(work):
        by_turn[one.turn_id].append(one)
    subjects = [reply.id for turn in turns for reply in turn.replies]
    subjects += [one.id for some in by_turn.values() for one in some]
    with work.database.reading() as session:
        scores = load_scores(session, subjects, evaluator.id)
        history = pair_history(session, work)
    groups = [prompt_group(work, turn, by_turn[turn.turn_id], scores) for turn in turns]
    digest = hashlib.sha256(f"pairs {work.date}".encode()).digest()
    return make_pairs(
        groups, work.settings.pairs, history, random.Random(int.from_bytes(digest[:8]))
    )


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
    deadline = night.started_at + work.settings.deadline
    if undecided and work.now() < deadline:
        raise NightEnds(
            "waiting",
            f"{undecided} pairs wait for an operator until {deadline.isoformat(timespec='minutes')}; "
            f"yogeiko night run --date {work.date} --resume goes on",
        )
    return {"approval": "required", "undecided": undecided, "deadline": deadline.isoformat()}


def day(work: NightWork) -> list[LearnableTurn]:
    """The turns of the night's window that may still be learnt from, at most max_turns."""
    detail = work.detail("collect")
    since, until = detail["since"], datetime.fromisoformat(str(detail["until"]))
    return _in_window(work, None if since is None else datetime.fromisoformat(str(since)), until)


def adapter_of_the_night(work: NightWork) -> str | None:
    """The adapter that was in production when the night began."""
    adapter = work.detail("collect")["adapter"]
    return None if adapter is None else str(adapter)


def _learnt_until(work: NightWork, session: Session) -> datetime | None:
    """Where the newest earlier night that came to its end had stopped reading."""
    for night in list_nights(session):
        if night.date >= work.date or night.status not in ("published", "refused", "skipped"):
            continue
        for step in night.steps:
            if step.step == "collect" and step.finished_at is not None:
                return datetime.fromisoformat(str(step.detail["until"]))
    return None


def _in_window(work: NightWork, since: datetime | None, until: datetime) -> list[LearnableTurn]:
    with work.database.reading() as session:
        turns = list_learnable(session, now=work.now(), retention=work.settings.retention)
    inside = [
        turn
        for turn in turns
        if turn.created_at <= until and (since is None or turn.created_at > since)
    ]
    return inside[-work.settings.max_turns :]


def _dialogue(turn: LearnableTurn, reply: str, facts: Sequence[str]) -> Dialogue:
    return Dialogue(turns=messages_of(turn), reply=reply, facts=tuple(facts))


def _candidates(work: NightWork) -> list[Candidate]:
    with work.database.reading() as session:
        return list_candidates(session, work.date)


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
