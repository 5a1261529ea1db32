"""What a night would train on: all nights' pairs that may be learnt from today, and whether they
are new."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from persona.dialogues import read_card_rows
from rlaif.errors import PublishError
from rlaif.night_work import NightEnds, NightWork
from rlaif.pair_caps import anonymous_visitors, trim_to_caps
from store.adapters import load_adapter
from store.night_records import StoredPair
from store.nights import list_nights
from store.pairs import list_trainable_pairs
from store.records import Adapter


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSet:
    """The pairs, and how many more a cap keeps out, by its name."""

    pairs: tuple[StoredPair, ...]
    left_out: Mapping[str, int]

    def digest(self, anchor: str) -> str:
        """Names the pairs, which way round they are, and the anchor they are trained from."""
        rows = sorted((pair.id, pair.chosen_id, pair.rejected_id) for pair in self.pairs)
        return hashlib.sha256(json.dumps([anchor, rows]).encode()).hexdigest()


def training_set(work: NightWork) -> TrainingSet:
    """All nights' pairs whose visitors still allow it, within everybody's share of the whole."""
    with work.database.reading() as session:
        pairs = _allowed(work, session, timedelta(0))
    seed_rows = len(read_card_rows(work.parts.card.folder, "train"))
    caps = work.settings.pairs.caps
    visitors = [pair.visitor_id for pair in pairs]
    trimmed = trim_to_caps(visitors, seed_rows, caps, anonymous_visitors(visitors, caps))
    return TrainingSet(pairs=tuple(pairs[at] for at in trimmed.kept), left_out=trimmed.left_out)


def check_still_allowed(work: NightWork, session: Session, pair_ids: Sequence[str]) -> None:
    """Raises PublishError unless every trained pair may be learnt from today, the same way round."""
    trained = work.detail("train")
    # What has grown too old since training read it was young enough then.
    grace = work.now() - datetime.fromisoformat(str(trained["read_at"]))
    wanted = set(pair_ids)
    allowed = TrainingSet(
        pairs=tuple(pair for pair in _allowed(work, session, grace) if pair.id in wanted),
        left_out={},
    )
    lost = len(wanted) - len(allowed.pairs)
    if not lost and allowed.digest(str(trained["anchor"])) == trained["pairs_sha256"]:
        return
    what = f"{lost} of the {len(wanted)}" if lost else f"some of the {len(wanted)}"
    why = "withdrawn, vetoed or erased" if lost else "turned round or edited by an operator"
    raise PublishError(
        f"{what} pairs that {trained['adapter']} learnt from were {why} while it trained; it is not "
        "published, the next training goes without them"
    )


def _allowed(work: NightWork, session: Session, grace: timedelta) -> list[StoredPair]:
    return list_trainable_pairs(
        session,
        now=work.now(),
        retention=work.settings.retention + grace,
        auto=work.settings.approval == "auto",
    )


def tried_before(work: NightWork, found: TrainingSet, anchor: str) -> str | None:
    """The night that trained on exactly these pairs and came to its end; None: they are new.

    The pairs of a tainted adapter are gone, so a set without them is new.
    """
    wanted = found.digest(anchor)
    with work.database.reading() as session:
        nights = list_nights(session)
    for night in nights:
        if night.date == work.date or night.status not in ("published", "refused"):
            continue
        for step in night.steps:
            trained = step.step == "train" and step.finished_at is not None
            if trained and step.detail.get("pairs_sha256") == wanted:
                return night.date
    return None


def worth_training(work: NightWork, active: str | None) -> bool:
    """Whether a night without new talk has something to train: enough pairs, and others than
    those that were tried before."""
    found = training_set(work)
    if len(found.pairs) < work.settings.min_pairs:
        return False
    return tried_before(work, found, anchor_of(work, active).id) is None


def anchor_of(work: NightWork, active: str | None) -> Adapter:
    """The supervised adapter that the one in production descends from.

    Raises NightEnds("skipped") when the bare base model is in production.
    """
    name = active
    with work.database.reading() as session:
        while name is not None:
            adapter = load_adapter(session, name)
            if adapter.kind != "night":
                return adapter
            name = adapter.parent_id
    raise nothing_to_rehearse()


def nothing_to_rehearse() -> NightEnds:
    """How a night ends whose adapters descend from no supervised one."""
    return NightEnds(
        "skipped",
        "the bare base model is in production, so there is no persona to rehearse; "
        "train one with `yogeiko persona train --activate`",
        {"skipped_for": "bare"},
    )
