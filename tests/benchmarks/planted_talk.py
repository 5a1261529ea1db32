"""A day of small talk: visitors say the card's training lines, the adapter answers."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import func, select

from app.clock import utc_now
from persona.dialogues import DialogueRow
from persona.engine import Engine, GenerationRequest, Message, Sampling
from persona.prompt import build_messages
from persona.safety import check_reply, check_user_text
from rlaif.make_candidates import Speaker
from store.database import Database
from store.records import ReplyEnd
from store.replies import begin_reply, finish_reply
from store.tables import TurnRow
from store.visitors import Owner, set_consent
from tests.store.talk import begin, say

_PAST = timedelta(minutes=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """One conversation: what its visitor says, line by line, and the facts beside the last one."""

    visitor: int
    lines: tuple[str, ...]
    facts: tuple[str, ...]


def talks_of(rows: Sequence[DialogueRow], turns: int, visitors: int) -> list[Talk]:
    """Small talk of at least `turns` lines, one conversation per topic, dealt out to visitors.

    Of a topic the longest conversation is taken. Which topics come first is decided by a digest.
    """
    longest: dict[str, DialogueRow] = {}
    for row in rows:
        usable = row.kind in ("style", "multi") and not any(
            check_user_text(line).flagged for line in _lines(row)
        )
        known = longest.get(row.topic)
        if usable and (known is None or len(row.history) > len(known.history)):
            longest[row.topic] = row
    talks: list[Talk] = []
    said = 0
    for topic in sorted(longest, key=lambda name: hashlib.sha256(name.encode()).digest()):
        if said >= turns:
            break
        row = longest[topic]
        talks.append(Talk(visitor=len(talks) % visitors, lines=_lines(row), facts=row.facts))
        said += len(talks[-1].lines)
    return talks


def anyone_talked(database: Database) -> bool:
    """Whether there is a turn."""
    with database.reading() as session:
        return bool(session.scalar(select(func.count()).select_from(TurnRow)))


def talk_a_day(
    database: Database,
    engine: Engine,
    speaker: Speaker,
    talks: Sequence[Talk],
    chat: Sampling,
) -> None:
    """Have all talks, first lines first, and store them as of visitors who allow learning."""
    spoken: list[list[Message]] = [[] for _ in talks]
    for depth in range(max(len(talk.lines) for talk in talks)):
        open_ones = [at for at, talk in enumerate(talks) if len(talk.lines) > depth]
        finished = engine.generate_batch(
            [
                replace(
                    _request(speaker, talks[at], spoken[at], depth),
                    sampling=replace(chat, seed=_seed(talks[at], depth)),
                )
                for at in open_ones
            ]
        )
        for at, end in zip(open_ones, finished, strict=True):
            spoken[at] += [
                Message(role="user", content=talks[at].lines[depth]),
                Message(role="assistant", content=end.text.strip()),
            ]
    _store(database, speaker, talks, spoken)


def _request(
    speaker: Speaker, talk: Talk, spoken: Sequence[Message], depth: int
) -> GenerationRequest:
    return GenerationRequest(
        messages=build_messages(speaker.card, spoken, talk.lines[depth], _facts(talk, depth)),
        adapter=speaker.adapter,
    )


def _seed(talk: Talk, depth: int) -> int:
    name = f"{talk.visitor} {depth} {talk.lines[depth]}"
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) >> 1


def _store(
    database: Database, speaker: Speaker, talks: Sequence[Talk], spoken: Sequence[list[Message]]
) -> None:
    """All in one transaction: a day is there or it is not."""
    owners: dict[int, Owner] = {}
    now = utc_now() - _PAST
    with database.session() as session:
        for talk, messages in zip(talks, spoken, strict=True):
            owner, conversation = begin(session, now=now, owner=owners.get(talk.visitor))
            if talk.visitor not in owners:
                owners[talk.visitor] = owner
                set_consent(session, owner, allow=True, now=now)
            for depth in range(len(talk.lines)):
                now += timedelta(milliseconds=100)
                line, text = messages[2 * depth].content, messages[2 * depth + 1].content
                if not text or check_reply(text).flagged:
                    break
                reply = say(session, owner, conversation, line, now).replies[0].id
                begin_reply(session, reply, facts=_facts(talk, depth), adapter=speaker.adapter)
                finish_reply(session, reply, ReplyEnd(status="done", text=text), now=now)


def _lines(row: DialogueRow) -> tuple[str, ...]:
    return (*(turn.content for turn in row.history if turn.role == "user"), row.user)


def _facts(talk: Talk, depth: int) -> tuple[str, ...]:
    return talk.facts if depth == len(talk.lines) - 1 else ()
