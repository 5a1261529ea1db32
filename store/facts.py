"""What is true of a persona: the card's own sentences as operators changed them, and added ones.

A card's sentence that nobody touched has no row. Once it is edited or retired, a row whose
`replaces` is the sentence stands for it. Nothing is ever deleted; every change is kept.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from store.audit import append_audit
from store.console_tables import FactChangeRow
from store.errors import FactError, NotFoundError
from store.records import Fact, FactAction, FactChange
from store.tables import FactRow
from store.turns import one_of
from store.visitors import new_id

LONGEST_FACT = 200  # characters
_ACTIONS: tuple[FactAction, ...] = ("add", "edit", "retire", "restore")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """Who changes something, when and why. `why` is kept in the history, not in the audit log."""

    by: str
    why: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FactEdit:
    """`before` is the text that the operator saw; when another stands there now, they must look."""

    fact_id: str
    before: str
    after: str


def current_facts(session: Session, persona: str, card_facts: Sequence[str]) -> tuple[str, ...]:
    """Return what she knows now, each once: the card's order, then what was added, oldest first.

    The one place where the card's sentences and the operators' meet.
    """
    facts = list_facts(session, persona, card_facts)
    return tuple(dict.fromkeys(fact.text for fact in facts if fact.retired_at is None))


def list_facts(session: Session, persona: str, card_facts: Sequence[str] = ()) -> list[Fact]:
    """Return every fact, retired ones too: the card's in its order, then the added ones by age.

    A changed sentence that a newer card does not hold any more counts as an added one.
    """
    wanted = select(FactRow).where(FactRow.persona == persona)
    rows = list(session.scalars(wanted.order_by(FactRow.created_at, FactRow.id)))
    standing = {row.replaces: row for row in rows if row.replaces in card_facts}
    own = [
        _record(standing[text]) if text in standing else _untouched(persona, text)
        for text in card_facts
    ]
    return [*own, *(_record(row) for row in rows if row.replaces not in card_facts)]


def load_fact(session: Session, persona: str, card_facts: Sequence[str], fact_id: str) -> Fact:
    """Return a fact. Raises NotFoundError."""
    for fact in list_facts(session, persona, card_facts):
        if fact.id == fact_id:
            return fact
    raise NotFoundError(f"no fact of {persona} has the id {fact_id}")


def add_fact(
    session: Session, persona: str, card_facts: Sequence[str], text: str, deed: Deed
) -> Fact:
    """Add one sentence.

    Raises FactError when it is empty, too long or already there.
    """
    sentence = checked_sentence(text)
    _refuse_twice(session, persona, card_facts, sentence)
    row = FactRow(
        id=new_id(), persona=persona, text=sentence, added_by=deed.by, created_at=deed.now
    )
    _insert(session, row)
    _note(session, row, "add", (None, sentence), deed)
    return _record(row)


def edit_fact(
    session: Session, persona: str, card_facts: Sequence[str], edit: FactEdit, deed: Deed
) -> Fact:
    """Put another sentence in place of a fact that is known now.

    Raises NotFoundError, and FactError when it was changed or retired meanwhile, or when the
    sentence is empty, too long or already there.
    """
    sentence = checked_sentence(edit.after)
    row = _own_row(session, persona, card_facts, edit.fact_id, deed)
    if row.text != edit.before or row.retired_at is not None:
        now = "it was retired" if row.retired_at else f"it says {row.text!r} now"
        raise FactError("stale", f"the fact was changed meanwhile: {now}; look at it again")
    if sentence == row.text:
        return _record(row)
    _refuse_twice(session, persona, card_facts, sentence, but=row.id)
    row.text = sentence
    _flush(session, sentence)
    _note(session, row, "edit", (edit.before, sentence), deed)
    return _record(row)


def retire_fact(
    session: Session, persona: str, card_facts: Sequence[str], fact_id: str, deed: Deed
) -> Fact:
    """Let her not know it any more. Raises NotFoundError, FactError when it is retired."""
    row = _own_row(session, persona, card_facts, fact_id, deed)
    if row.retired_at is not None:
        raise FactError("is_retired", "the fact is retired already; expected one that she knows")
    row.retired_at = deed.now
    session.flush()
    _note(session, row, "retire", (row.text, None), deed)
    return _record(row)


def restore_fact(
    session: Session, persona: str, card_facts: Sequence[str], fact_id: str, deed: Deed
) -> Fact:
    """Let her know a retired fact again. Raises NotFoundError, FactError when it is known."""
    row = _own_row(session, persona, card_facts, fact_id, deed)
    if row.retired_at is None:
        raise FactError("is_known", "the fact is known; expected a retired one")
    row.retired_at = None
    session.flush()
    _note(session, row, "restore", (None, row.text), deed)
    return _record(row)


def list_fact_changes(session: Session, persona: str, fact_id: str) -> list[FactChange]:
    """Return what was done to a fact, newest first."""
    wanted = (
        select(FactChangeRow)
        .where(FactChangeRow.persona == persona, FactChangeRow.fact_id == fact_id)
        .order_by(FactChangeRow.id.desc())
    )
    return [
        FactChange(
            action=one_of(row.action, _ACTIONS),
            before=row.before,
            after=row.after,
            who=row.who,
            why=row.why,
            at=row.at,
        )
        for row in session.scalars(wanted)
    ]


def count_fact_changes(session: Session, persona: str) -> dict[str, int]:
    """Return fact id -> how often it was changed; untouched facts are left out."""
    wanted = (
        select(FactChangeRow.fact_id, func.count())
        .where(FactChangeRow.persona == persona)
        .group_by(FactChangeRow.fact_id)
    )
    return {row[0]: row[1] for row in session.execute(wanted)}


def checked_sentence(text: str) -> str:
    """Return the text as one line. Raises FactError when it is empty or too long."""
    sentence = " ".join(text.split())
    if not sentence:
        raise FactError("empty", "the fact is empty; expected one sentence")
    if len(sentence) > LONGEST_FACT:
        raise FactError(
            "long", f"the fact has {len(sentence)} characters; expected at most {LONGEST_FACT}"
        )
    return sentence


def card_fact_id(persona: str, sentence: str) -> str:
    """Return the id of a card's own sentence, the same before and after it is changed."""
    return f"card-{hashlib.sha256(f'{persona}/{sentence}'.encode()).hexdigest()[:24]}"


def _own_row(
    session: Session, persona: str, card_facts: Sequence[str], fact_id: str, deed: Deed
) -> FactRow:
    """Return the row of a fact, locked; a card's sentence gets one when it is changed first."""
    row = _locked(session, fact_id)
    if row is None:
        sentence = next((one for one in card_facts if card_fact_id(persona, one) == fact_id), None)
        if sentence is None:
            raise NotFoundError(f"no fact of {persona} has the id {fact_id}")
        _insert(
            session,
            FactRow(
                id=fact_id,
                persona=persona,
                text=sentence,
                added_by=deed.by,
                created_at=deed.now,
                replaces=sentence,
            ),
        )
        row = _locked(session, fact_id)
    if row is None or row.persona != persona:
        raise NotFoundError(f"no fact of {persona} has the id {fact_id}")
    return row


def _locked(session: Session, fact_id: str) -> FactRow | None:
    return session.get(FactRow, fact_id, with_for_update=True, populate_existing=True)


def _insert(session: Session, row: FactRow) -> None:
    """Insert, unless somebody else did so meanwhile."""
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as error:
        raise FactError(
            "stale", "the same fact was added or changed meanwhile; look at the list again"
        ) from error


def _flush(session: Session, sentence: str) -> None:
    try:
        session.flush()
    except IntegrityError as error:
        raise FactError("known", f"the fact {sentence!r} is already there") from error


def _refuse_twice(
    session: Session, persona: str, card_facts: Sequence[str], sentence: str, but: str = ""
) -> None:
    for fact in list_facts(session, persona, card_facts):
        if fact.text == sentence and fact.id != but:
            if fact.retired_at is not None:
                raise FactError("retired", f"the fact {sentence!r} is retired; restore it")
            raise FactError("known", f"the fact {sentence!r} is already there")


def _note(
    session: Session,
    row: FactRow,
    action: FactAction,
    texts: tuple[str | None, str | None],
    deed: Deed,
) -> None:
    """Write the history and the audit log, in the transaction of the change."""
    before, after = texts
    session.add(
        FactChangeRow(
            persona=row.persona,
            fact_id=row.id,
            action=action,
            before=before,
            after=after,
            who=deed.by,
            why=deed.why.strip(),
            at=deed.now,
        )
    )
    append_audit(
        session, actor=deed.by, action=f"fact.{action}", detail={"fact": row.id}, now=deed.now
    )
    session.flush()


def _untouched(persona: str, sentence: str) -> Fact:
    return Fact(
        id=card_fact_id(persona, sentence),
        persona=persona,
        text=sentence,
        added_by=None,
        created_at=None,
        replaces=sentence,
        retired_at=None,
    )


def _record(row: FactRow) -> Fact:
    return Fact(
        id=row.id,
        persona=row.persona,
        text=row.text,
        added_by=row.added_by,
        created_at=row.created_at,
        replaces=row.replaces,
        retired_at=row.retired_at,
    )
