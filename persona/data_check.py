"""Checks over a card and its dialogue rows, for `yogeiko persona check`.

`check_card` reads a card folder and returns every check with its figure, what was expected and
examples, failed or not; nothing stops at the first fault.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from persona.card import Card, load_card
from persona.dialogues import (
    MAX_FACTS,
    PROBES_FILE,
    SPLITS,
    CardProbe,
    DialogueRow,
    Kind,
    Split,
    read_card_rows,
    read_probes,
)
from persona.errors import DataError
from persona.near_duplicates import near_duplicates
from persona.voice import opener, register_faults, says_unknown

MIN_FACTS = 61
MIN_ROWS = 800
# Characters of a reply; help in danger must name where to turn and may be longer.
REPLY_WINDOW = (12, 60)
SAFETY_REPLY_WINDOW = (12, 90)
REPLY_MEAN = (24.0, 40.0)
MAX_OPENER_SHARE = 0.03
NEAR_DUPLICATE = 0.8
ABSENT_SHARE = (0.15, 0.30)
TWIN_SHARE = 0.9
FROZEN_FILE = "frozen.json"
FROZEN_NAMES = ("test.jsonl", PROBES_FILE)
MAX_EXAMPLES = 5

# Rows of these kinds are split by row: their topics are too few to live in one split each.
SPLIT_BY_ROW: frozenset[Kind] = frozenset({"identity", "safety"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One question asked of the data; `value` is a count, a share or characters, as named."""

    name: str
    ok: bool
    value: float
    expected: str
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """All checks of a card and the rows counted as (kind, split)."""

    card: str
    rows: int
    counts: dict[Kind, dict[Split, int]]
    reply_percentiles: dict[int, int]
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """True when every check passed."""
        return all(check.ok for check in self.checks)


def check_card(folder: Path) -> CheckReport:
    """Check the card in `folder` and its dialogues.

    Raises CardError or DataError when a file cannot be read at all.
    """
    card = load_card(folder)
    rows = read_card_rows(folder)
    probes = read_probes(folder)
    if not rows:
        raise DataError(f"{folder / 'dialogues'} holds no rows; expected at least {MIN_ROWS}.")
    counts: dict[Kind, dict[Split, int]] = defaultdict(lambda: dict.fromkeys(SPLITS, 0))
    for row in rows:
        counts[row.kind][row.split] += 1
    lengths = sorted(len(row.reply) for row in rows)
    checks = [
        *_size_checks(card, rows),
        *_voice_checks(card, rows),
        *_length_checks(rows),
        *_likeness_checks(rows, probes),
        *_fact_checks(rows),
        *_probe_checks(card, probes),
        _twin_check(rows),
        _split_check(rows),
        _frozen_check(folder / "dialogues"),
    ]
    return CheckReport(
        card=card.id,
        rows=len(rows),
        counts=dict(counts),
        reply_percentiles={p: lengths[(len(lengths) - 1) * p // 100] for p in (5, 25, 50, 75, 95)},
        checks=tuple(checks),
    )


def _none_of(name: str, faults: Iterable[str]) -> Check:
    """A check that passes when there are no faults; value is their number."""
    found = list(faults)
    return Check(
        name=name,
        ok=not found,
        value=len(found),
        expected="0",
        examples=tuple(found[:MAX_EXAMPLES]),
    )


def _size_checks(card: Card, rows: Sequence[DialogueRow]) -> Iterator[Check]:
    facts = len(card.facts)
    yield Check(
        name="card facts", ok=facts >= MIN_FACTS, value=facts, expected=f"at least {MIN_FACTS}"
    )
    yield Check(
        name="rows", ok=len(rows) >= MIN_ROWS, value=len(rows), expected=f"at least {MIN_ROWS}"
    )
    ids = Counter(row.id for row in rows)
    yield _none_of("repeated ids", (name for name, count in ids.items() if count > 1))


def _voice_checks(card: Card, rows: Sequence[DialogueRow]) -> Iterator[Check]:
    faults = [(row, fault) for row in rows for fault in register_faults(row.reply, card)]
    off = {row.id for row, _ in faults}
    yield Check(
        name="voice rate",
        ok=not off,
        value=1 - len(off) / len(rows),
        expected="1",
        examples=tuple(f"{r.id} {f.kind}: {r.reply}" for r, f in faults[:MAX_EXAMPLES]),
    )
    for name, kind in (("first-person faults", "first_person"), ("forbidden words", "word")):
        yield _none_of(name, (f"{r.id} {f.text}: {r.reply}" for r, f in faults if f.kind == kind))
    openers = Counter(opener(row.reply) for row in rows)
    commonest, count = openers.most_common(1)[0]
    yield Check(
        name="commonest opener, share",
        ok=count / len(rows) <= MAX_OPENER_SHARE,
        value=count / len(rows),
        expected=f"at most {MAX_OPENER_SHARE}",
        examples=(f"{commonest} ({count} rows)",),
    )


def _length_checks(rows: Sequence[DialogueRow]) -> Iterator[Check]:
    mean = sum(len(row.reply) for row in rows) / len(rows)
    low, high = REPLY_MEAN
    yield Check(
        name="reply length, mean characters",
        ok=low <= mean <= high,
        value=mean,
        expected=f"{low:g} to {high:g}",
    )
    outside = []
    for row in rows:
        low, high = SAFETY_REPLY_WINDOW if row.kind == "safety" else REPLY_WINDOW
        if not low <= len(row.reply) <= high:
            outside.append(f"{row.id} ({len(row.reply)}): {row.reply}")
    yield _none_of("replies outside the length window", outside)


def _likeness_checks(rows: Sequence[DialogueRow], probes: Sequence[CardProbe]) -> Iterator[Check]:
    pairs = near_duplicates([row.reply for row in rows], threshold=NEAR_DUPLICATE)
    yield _none_of(
        "near-duplicate replies",
        (f"{rows[a].id} / {rows[b].id}: {rows[a].reply} / {rows[b].reply}" for a, b in pairs),
    )
    asked: dict[tuple[str, str], str] = {}
    for row in rows:
        # A follow-up such as それで？ asks nothing by itself: what was asked is what came before it.
        last = row.history[-1].content if row.history and row.kind == "multi" else ""
        asked.setdefault((row.split, last + row.user), row.id)
    for probe in probes:
        asked.setdefault(("probe", probe.question), probe.id)
    keys = list(asked)
    leaks = [
        f"{asked[keys[a]]} / {asked[keys[b]]}: {keys[a][1]} / {keys[b][1]}"
        for a, b in near_duplicates([text for _, text in keys], threshold=NEAR_DUPLICATE)
        if keys[a][0] != keys[b][0]
    ]
    yield _none_of("questions near-duplicated across splits", leaks)


def _fact_checks(rows: Sequence[DialogueRow]) -> Iterator[Check]:
    grounded = [row for row in rows if row.gold is not None]
    yield _none_of(
        "replies without their key",
        (f"{r.id} {'/'.join(r.keys)}: {r.reply}" for r in grounded if not _holds_key(r, r.reply)),
    )
    yield _none_of(
        "fact rows without three different facts",
        (
            row.id
            for row in rows
            if row.kind in ("fact", "absent") and len(set(row.facts)) != MAX_FACTS
        ),
    )
    answers: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row.kind == "fact" and row.gold is not None:
            answers[row.topic].add(row.facts[row.gold])
    yield _none_of(
        "distractors that answer the question",
        (
            f"{row.id}: {fact}"
            for row in rows
            if row.kind in ("fact", "absent")
            for place, fact in enumerate(row.facts)
            if place != row.gold and fact in answers[row.topic]
        ),
    )
    absent = [row for row in rows if row.kind == "absent"]
    share = len(absent) / max(1, sum(row.kind in ("fact", "absent") for row in rows))
    low, high = ABSENT_SHARE
    yield Check(
        name="absent among fact rows, share",
        ok=low <= share <= high,
        value=share,
        expected=f"{low} to {high}",
    )
    yield _none_of(
        "absent rows that do not say so",
        (f"{row.id}: {row.reply}" for row in absent if not says_unknown(row.reply)),
    )


def _probe_checks(card: Card, probes: Sequence[CardProbe]) -> Iterator[Check]:
    asked = {probe.fact for probe in probes}
    yield _none_of(
        "card facts without a probe, probes without a fact",
        [fact for fact in card.facts if fact not in asked]
        + [probe.id for probe in probes if probe.fact not in card.facts],
    )
    yield _none_of(
        "probes whose fact holds none of their keys",
        (p.id for p in probes if not any(key in p.fact for key in p.keys)),
    )


def _holds_key(row: DialogueRow, reply: str) -> bool:
    return any(key in reply for key in row.keys)


def _twin_check(rows: Sequence[DialogueRow]) -> Check:
    """Twins ask one question and differ in fact and answer, so that neither passes for the other."""
    groups: dict[str, list[DialogueRow]] = defaultdict(list)
    for row in rows:
        if row.twin is not None:
            groups[row.twin].append(row)
    faults = []
    for name, twins in groups.items():
        golds = {row.facts[row.gold] for row in twins if row.gold is not None}
        if len(twins) < 2:
            faults.append(f"{name}: alone")
        elif len({(row.user, row.topic, row.split) for row in twins}) > 1:
            faults.append(f"{name}: different question, topic or split")
        elif len(golds) < len(twins) or len({row.reply for row in twins}) < len(twins):
            faults.append(f"{name}: same fact or same answer")
        elif any(_holds_key(a, b.reply) for a in twins for b in twins if a is not b):
            faults.append(f"{name}: an answer holds the other's key")
    facts = [row for row in rows if row.kind == "fact"]
    paired = sum(row.twin is not None for row in facts) / max(1, len(facts))
    if paired < TWIN_SHARE:
        faults.append(f"only {paired:.0%} of fact rows have a twin; expected {TWIN_SHARE:.0%}")
    return _none_of("malformed twins", faults)


def _split_check(rows: Sequence[DialogueRow]) -> Check:
    where: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row.kind not in SPLIT_BY_ROW:
            where[row.topic].add(row.split)
    return _none_of(
        "topics in more than one split",
        (f"{topic}: {', '.join(sorted(s))}" for topic, s in where.items() if len(s) > 1),
    )


def frozen_sums(dialogues: Path) -> dict[str, str]:
    """sha256 of the files that may not change without a new frozen.json. Raises DataError."""
    try:
        return {
            name: hashlib.sha256((dialogues / name).read_bytes()).hexdigest()
            for name in FROZEN_NAMES
        }
    except OSError as error:
        raise DataError(f"{error.filename} cannot be read ({error.strerror}).") from error


def _frozen_check(dialogues: Path) -> Check:
    path = dialogues / FROZEN_FILE
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return _none_of("frozen files altered", [f"{path} is missing or not JSON"])
    sums = frozen_sums(dialogues)
    if not isinstance(written, dict):
        written = {}
    return _none_of(
        "frozen files altered",
        (
            f"{name} has sha256 {value}"
            for name, value in sums.items()
            if written.get(name) != value
        ),
    )
