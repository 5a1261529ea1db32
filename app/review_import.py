"""Reviews that come back from an export: looked through first, then stored, each once."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from itertools import islice

from sqlalchemy.orm import Session

from app.review_lines import LineFault, ReviewForm, ReviewLine, read_lines
from store.audit import append_audit
from store.database import Database
from store.errors import ConflictError, NotFoundError
from store.known_reviews import is_known, subject_is_here
from store.reviews import append_review, check_review

# What was done to a pair or to another review has been done where it was done.
_TAKEN_BACK: str = "retract"
_RESTORED: str = "restore"
_DEEDS = ("pair", "skip", _TAKEN_BACK, _RESTORED)
_BATCH = 200
_MOST_FAULTS = 1_000

Lines = Callable[[], Iterable[bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """dry_run: store nothing. skip_bad: store what is good though other lines are not."""

    form: ReviewForm
    dry_run: bool
    skip_bad: bool
    imported_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """How many lines there were, and of which kind. `new` are not here yet, `known` are, `passed`
    are deeds and what was taken back. `stored` is 0 after a dry run, or where a line was bad."""

    read: int
    new: int
    known: int
    passed: int
    bad: int
    stored: int
    faults: tuple[LineFault, ...]


@dataclass(slots=True)
class _Tally:
    read: int = 0
    known: int = 0
    passed: int = 0
    bad: int = 0
    faults: list[LineFault] = field(default_factory=list)
    seen: set[bytes] = field(default_factory=set)

    def fault(self, line: int, reason: str) -> None:
        self.bad += 1
        if len(self.faults) < _MOST_FAULTS:
            self.faults.append(LineFault(line=line, reason=reason))


def import_reviews(
    database: Database, lines: Lines, options: ImportOptions, now: datetime
) -> ImportReport:
    """Look every line through, and store what is new unless something is wrong.

    `lines` gives the file's lines anew with every call; they are read up to three times. They are
    stored in small transactions, so that nobody who chats waits; an import that is killed is
    finished by repeating it.
    """
    gone = _taken_back(options.form, lines())
    tally = _Tally()
    new = sum(1 for _ in _fresh(database, lines, options, (tally, gone), now))
    stored = 0
    if new and not options.dry_run and (options.skip_bad or not tally.bad):
        again = _fresh(database, lines, options, (_Tally(), gone), now)
        while batch := list(islice(again, _BATCH)):
            stored += _store(database, batch, options, now)
    return ImportReport(
        read=tally.read,
        new=new,
        known=tally.known,
        passed=tally.passed,
        bad=tally.bad,
        stored=stored,
        faults=tuple(tally.faults),
    )


def _taken_back(form: ReviewForm, lines: Iterable[bytes]) -> frozenset[int]:
    """Return which reviews of the file were taken back and not restored since."""
    gone: set[int] = set()
    for line in read_lines(form, lines):
        if isinstance(line, LineFault) or line.target_id is None:
            continue
        if line.review.kind == _TAKEN_BACK:
            gone.add(line.target_id)
        elif line.review.kind == _RESTORED:
            gone.discard(line.target_id)
    return frozenset(gone)


def _fresh(
    database: Database,
    lines: Lines,
    options: ImportOptions,
    counted: tuple[_Tally, frozenset[int]],
    now: datetime,
) -> Iterator[ReviewLine]:
    """Yield the lines that may be stored and are not here yet; count the others."""
    tally, gone = counted
    read = read_lines(options.form, lines())
    while batch := list(islice(read, _BATCH)):
        with database.reading() as session:
            fresh = [line for line in batch if _is_fresh(session, line, tally, gone, now)]
        yield from (line for line in fresh if isinstance(line, ReviewLine))


def _is_fresh(
    session: Session,
    line: ReviewLine | LineFault,
    tally: _Tally,
    gone: frozenset[int],
    now: datetime,
) -> bool:
    tally.read += 1
    if isinstance(line, LineFault):
        tally.fault(line.line, line.reason)
        return False
    fault = _fault(session, line, now)
    key = sha256(repr((line.review, line.at)).encode()).digest()
    if line.review.kind in _DEEDS or line.own_id in gone:
        tally.passed += 1
    elif fault is not None:
        tally.fault(line.number, fault)
    elif key in tally.seen or is_known(session, line.review, line.at):
        tally.known += 1
    else:
        tally.seen.add(key)
        return True
    return False


def _fault(session: Session, line: ReviewLine, now: datetime) -> str | None:
    if line.review.kind in _DEEDS:
        return None
    try:
        check_review(line.review)
    except ConflictError as error:
        return str(error)
    if line.at is not None and line.at > now:
        return f"at is {line.at.isoformat()}, which is still to come; expected an earlier moment"
    if not subject_is_here(session, line.review):
        subject = line.review.reply_id or line.review.pair_id
        return f"{subject} is not here; it is of another installation, or its visitor was erased"
    return None


def _store(
    database: Database, batch: list[ReviewLine], options: ImportOptions, now: datetime
) -> int:
    """Store lines that were fresh a moment ago; return how many still had their subject."""
    stored = 0
    with database.session() as session:
        for line in batch:
            try:
                append_review(session, line.review, now=line.at or now)
            except NotFoundError:
                continue
            stored += 1
        detail: dict[str, object] = {"reviews": stored}
        append_audit(
            session, actor=options.imported_by, action="reviews.import", detail=detail, now=now
        )
    return stored
