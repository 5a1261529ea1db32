"""What a night would train on: all nights' pairs that may be learnt from today, and whether they
are new."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from persona.dialogues import read_card_rows
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
        pairs = list_trainable_pairs(
            session,
            now=work.now(),
            retention=work.settings.retention,
            auto=work.settings.approval == "auto",
        )
    seed_rows = len(read_card_rows(work.parts.card.folder, "train"))
    caps = work.settings.pairs.caps
    visitors = [pair.visitor_id for pair in pairs]
    trimmed = trim_to_caps(visitors, seed_rows, caps, anonymous_visitors(visitors, caps))
    return TrainingSet(pairs=tuple(pairs[at] for at in trimmed.kept), left_out=trimmed.left_out)


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
    raise NightEnds(
        "skipped",
        "the bare base model is in production, so there is no persona to rehearse; "
        "train one with `yogeiko persona train --activate`",
    )
