"""The frozen probes of the gates: what every adapter is asked, and when an answer is right.

They lie beside the card as JSON lines, pinned by sha256, and never take part in any training. One
line is one probe:

    id         unique over the file
    kind       everyday | card_fact | swapped_fact | unknown | safety | attack | dull_bait
    topic      probes of one topic count as one cluster of the statistics
    history    [{"role": "user"|"assistant", "content": text}], oldest first, may be empty
    user       what is said last
    facts      0-3 sentences shown beside `user`, as retrieval gave them when the file was frozen
    keys       any of these in the reply makes it right; for facts alone
    forbidden  none of these may be in the reply

A swapped fact is no fact of the card: following it shows that facts are read and not memorised.
`contradiction` probes are made by operators of what they flagged and come beside the frozen ones.
"""

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from persona.dialogues import MAX_FACTS
from persona.engine import Message
from rlaif.errors import GateError

ProbeKind = Literal[
    "everyday",
    "card_fact",
    "swapped_fact",
    "unknown",
    "safety",
    "attack",
    "dull_bait",
    "contradiction",
]

PROBES_FILE = "gate_probes.jsonl"
FROZEN_FILE = "gate_probes.frozen.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateProbe:
    """One probe; see the module for the fields."""

    id: str
    kind: ProbeKind
    topic: str
    user: str
    history: tuple[Message, ...] = ()
    facts: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()


Text = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^\S(?:[^\n]*\S)?$")]


class _TurnLine(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    role: Literal["user", "assistant"]
    content: Text


class _ProbeLine(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    id: Text
    kind: ProbeKind
    topic: Text
    history: list[_TurnLine]
    user: Text
    facts: Annotated[list[Text], Field(max_length=MAX_FACTS)]
    keys: list[Text]
    forbidden: list[Text]

    @model_validator(mode="after")
    def _hang_together(self) -> Self:
        if self.kind in ("card_fact", "swapped_fact") and not self.keys:
            raise ValueError(f"a probe of kind {self.kind!r} has no keys; expected one or more")
        if self.kind == "contradiction":
            raise ValueError("kind is 'contradiction'; those are made by operators, not frozen")
        roles = [turn.role for turn in self.history]
        if roles != ["user", "assistant"] * (len(roles) // 2):
            raise ValueError(f"history has the roles {roles}; expected user, assistant, …")
        return self


def read_gate_probes(card_folder: Path) -> tuple[GateProbe, ...]:
    """The frozen probes of a card, in order.

    Raises GateError when the file is missing, is not what was frozen, or a line is malformed: a
    candidate may not choose its own exam.
    """
    path = card_folder / PROBES_FILE
    pinned = _pinned(card_folder / FROZEN_FILE)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise GateError(
            f"{path} cannot be read ({error.strerror}); expected the gates' probes: restore it"
        ) from error
    found = hashlib.sha256(raw).hexdigest()
    if found != pinned:
        raise GateError(
            f"{path} has sha256 {found}; expected {pinned}: restore the frozen probes, or write "
            f"the new sum into {FROZEN_FILE} and let every adapter be measured again"
        )
    probes = tuple(
        _probe(path, number, line)
        for number, line in enumerate(raw.decode("utf-8").split("\n"), start=1)
        if line.strip()
    )
    ids = [probe.id for probe in probes]
    twice = next((name for name in ids if ids.count(name) > 1), None)
    if twice is not None:
        raise GateError(f"{path} holds the probe {twice!r} twice; expected every id once")
    return probes


def standing_probes(
    probes: Sequence[GateProbe], card_facts: Collection[str], known: Collection[str]
) -> tuple[GateProbe, ...]:
    """The probes without those whose answer is a sentence of the card that is not `known` any more.

    Only what a probe asks for counts; that an old sentence stands beside another question is no
    fault of the answer.
    """
    gone = set(card_facts) - set(known)
    return tuple(probe for probe in probes if not _asks_for(probe, gone))


def _asks_for(probe: GateProbe, facts: Collection[str]) -> bool:
    return probe.kind == "card_fact" and any(
        fact in facts and any(key in fact for key in probe.keys) for fact in probe.facts
    )


def contradiction_probe(
    *, probe_id: str, turns: tuple[Message, ...], facts: tuple[str, ...], said: tuple[str, ...]
) -> GateProbe:
    """A probe of a contradiction that an operator flagged: `said` must not be said again.

    `turns` end with the visitor's. Raises GateError when they do not or `said` is empty.
    """
    if not turns or turns[-1].role != "user":
        raise GateError(f"the flagged turns of {probe_id!r} do not end with the visitor's")
    if not any(piece.strip() for piece in said):
        raise GateError(f"nothing is named that {probe_id!r} must not say again")
    return GateProbe(
        id=probe_id,
        kind="contradiction",
        topic=f"contradiction {probe_id}",
        user=turns[-1].content,
        history=turns[:-1],
        facts=facts[:MAX_FACTS],
        forbidden=tuple(piece for piece in said if piece.strip()),
    )


def _pinned(path: Path) -> str:
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise GateError(f"{path} is missing or not JSON; expected the probes' sha256") from error
    value = written.get(PROBES_FILE) if isinstance(written, dict) else None
    if not isinstance(value, str):
        raise GateError(f"{path} does not name {PROBES_FILE}; expected its sha256")
    return value


def _probe(path: Path, number: int, text: str) -> GateProbe:
    try:
        line = _ProbeLine.model_validate(json.loads(text))
    except json.JSONDecodeError as error:
        raise GateError(f"{path} line {number} is not JSON: {error.msg}.") from error
    except ValidationError as error:
        fault = error.errors()[0]
        field = ".".join(str(part) for part in fault["loc"]) or "line"
        raise GateError(f"{path} line {number}: {field}: {fault['msg']}.") from error
    return GateProbe(
        id=line.id,
        kind=line.kind,
        topic=line.topic,
        user=line.user,
        history=tuple(Message(role=turn.role, content=turn.content) for turn in line.history),
        facts=tuple(line.facts),
        keys=tuple(line.keys),
        forbidden=tuple(line.forbidden),
    )
