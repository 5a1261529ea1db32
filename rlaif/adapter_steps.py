"""The second half of a night: train from the anchor, hold the result against gates, publish it."""

import hashlib
import logging
import math
import random
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter

from persona.dialogues import read_card_rows
from rlaif.gate_measurements import Measurements, Published, Unmeasured
from rlaif.gates import GateResult, decide, judge_gates, published_figures
from rlaif.learning_steps import adapter_of_the_night
from rlaif.night_work import Detail, MeasuredAdapter, NightEnds, NightWork, TrainingOrder
from rlaif.pair_caps import trim_to_caps
from rlaif.prompt_groups import preference_of
from rlaif.publish import Publication, verify_adapter
from rlaif.publish import publish as put_into_production
from rlaif.report import write_examples
from rlaif.seed_pairs import seed_pairs
from rlaif.traces import TRAINING_FOLDER, clear_training
from rlaif.train import Lineage
from rlaif.training_pairs import TrainingPair
from store.adapters import load_adapter
from store.erasures import count_existing_pairs
from store.errors import ConflictError, LeaseError
from store.gate_results import save_gate_results
from store.night_records import GateRecord, StoredPair
from store.nights import list_nights
from store.pairs import list_trainable_pairs
from store.records import Adapter

_IDS = TypeAdapter(list[str])
_PUBLISHED = TypeAdapter(Published)

logger = logging.getLogger(__name__)


def train(work: NightWork) -> Detail:
    """Train a new adapter from the anchor on all pairs that may still be learnt from.

    Raises NightEnds: "skipped" below the least number of pairs, "stopped" when some of them were
    erased while it trained, so that the night goes on without them.
    """
    pairs = _trainable(work)
    if len(pairs) < work.settings.min_pairs:
        raise NightEnds(
            "skipped",
            f"{len(pairs)} pairs may be trained on, {work.settings.min_pairs} are needed; they "
            "are kept for the next nights",
        )
    active = adapter_of_the_night(work)
    anchor = _anchor(work, active)
    work.parts.close_engine()
    order = TrainingOrder(
        anchor_folder=Path(anchor.folder),
        pairs=tuple(TrainingPair(id=one.id, preference=preference_of(one)) for one in pairs),
        replay_pairs=tuple(_replay(work, len(pairs))),
        work_folder=work.folder / TRAINING_FOLDER,
        lineage=Lineage(
            date=work.date,
            active=active,
            details={"evaluator": str(work.detail("score")["evaluator"])},
        ),
    )

    def progress(done: int, total: int | None) -> None:
        work.progress(done, total)
        _stop_if_erased(work, pairs)

    try:
        manifest = work.parts.train(order, progress)
    except _PairsErased as gone:
        # What it has learnt so far, it learnt from them.
        clear_training(order.work_folder)
        raise NightEnds("stopped", str(gone)) from gone
    return {
        "adapter": manifest["id"],
        "anchor": anchor.id,
        "active": active,
        "pairs": len(pairs),
        "replay": len(_names(manifest["replay_pair_ids"])),
        "metrics": manifest["metrics"],
    }


def gate(work: NightWork) -> Detail:
    """Measure candidate, active and anchor on the frozen probes and judge every gate.

    Raises NightEnds("refused") with the gates that failed.
    """
    trained = work.detail("train")
    names = [str(name) for name in (trained["adapter"], trained["active"], trained["anchor"])]
    measured: dict[str, Measurements | Unmeasured] = {}
    for name in dict.fromkeys(names):
        measured[name] = _measured(work, name)
    candidate, active, anchor = (measured[name] for name in names)
    results = judge_gates(candidate, active, anchor, _published(work), work.settings.gates)
    decision = decide(results)
    _keep_examples(work, active=names[1], candidate=names[0])
    with work.writing() as session:
        save_gate_results(session, work.claim, [_record(result) for result in results])
    if not decision.publish:
        raise NightEnds("refused", decision.reason)
    figures = published_figures(candidate) if isinstance(candidate, Measurements) else None
    return {
        "adapter": trained["adapter"],
        "gates": len(results),
        "reason": decision.reason,
        "published": None if figures is None else asdict(figures),
    }


def publish(work: NightWork) -> Detail:
    """Register the adapter, link its pairs and put it into production, all in one transaction."""
    name = str(work.detail("train")["adapter"])
    folder = work.parts.adapters_folder / name
    if not folder.is_dir():
        raise NightEnds("refused", f"{name} was removed: somebody it learnt from was erased")
    adapter = verify_adapter(
        folder,
        work.parts.served_base(),
        now=work.now(),
        parent_id=str(work.detail("train")["anchor"]),
    )
    publication = Publication(
        adapter=adapter,
        pair_ids=tuple(_names(adapter.manifest["pair_ids"])),
        who="night",
        why=f"night {work.date}: {work.detail('gate')['reason']}",
    )
    try:
        with work.writing() as session:
            put_into_production(session, work.claim, publication, work.now())
    except ConflictError as error:
        # Somebody was erased while it trained: it must never be served.
        raise NightEnds("refused", str(error)) from error
    return {"adapter": name}


class _PairsErased(Exception):
    """Pairs that are being trained on are gone."""


def _stop_if_erased(work: NightWork, pairs: Sequence[StoredPair]) -> None:
    with work.database.reading() as session:
        gone = len(pairs) - count_existing_pairs(session, [one.id for one in pairs])
    if gone:
        raise _PairsErased(
            f"{gone} of {len(pairs)} pairs were erased while they were trained on; "
            f"yogeiko night run --date {work.date} --resume goes on without them"
        )


def _trainable(work: NightWork) -> list[StoredPair]:
    """All nights' pairs whose visitors still allow it, within everybody's share of the whole."""
    with work.database.reading() as session:
        pairs = list_trainable_pairs(
            session,
            now=work.now(),
            retention=work.settings.retention,
            auto=work.settings.approval == "auto",
        )
    seed_rows = len(read_card_rows(work.parts.card.folder, "train"))
    kept = trim_to_caps(
        [pair.visitor_id for pair in pairs], seed_rows, work.settings.pairs.caps, frozenset()
    )
    return [pairs[at] for at in kept]


def _anchor(work: NightWork, active: str | None) -> Adapter:
    """The supervised adapter that the one in production descends from."""
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


def _replay(work: NightWork, fresh: int) -> list[TrainingPair]:
    """Twice what the replay share asks for, so that training can draw among them."""
    share = work.settings.replay_share
    rng = random.Random(int.from_bytes(hashlib.sha256(work.date.encode()).digest()[:8]))
    rows = read_card_rows(work.parts.card.folder, "train")
    return seed_pairs(rows, math.ceil(2 * fresh * share / (1 - share)), rng)


def _measured(work: NightWork, adapter: str) -> Measurements | Unmeasured:
    """The probes' figures of one adapter; whatever goes wrong becomes the reason there are none."""
    try:
        folder = work.parts.adapters_folder / adapter
        if not folder.is_dir():
            with work.database.reading() as session:
                folder = Path(load_adapter(session, adapter).folder)
        engine = work.parts.engine()
        if adapter not in engine.adapters():
            engine.add_adapter(adapter, folder)
        return work.parts.measure(engine, MeasuredAdapter(id=adapter, folder=folder), work.progress)
    except (LeaseError, NightEnds):
        raise
    # A broken adapter or evaluator must end as a failed gate, not as a failed night.
    except Exception as error:
        logger.exception("Adapter %s could not be measured", adapter)
        return Unmeasured(adapter=adapter, reason=f"{type(error).__name__}: {error}")


def _keep_examples(work: NightWork, *, active: str, candidate: str) -> None:
    """A few probes' replies before and after for the morning report; without them it is shorter."""
    try:
        examples = work.parts.examples(work.parts.engine(), active, candidate)
    except Exception:
        logger.exception("The report goes without example replies")
        return
    write_examples(work.folder, examples)


def _published(work: NightWork) -> list[Published]:
    """The figures of everything that earlier nights published."""
    with work.database.reading() as session:
        nights = list_nights(session)
    details = [
        step.detail["published"]
        for night in nights
        if night.status == "published" and night.date != work.date
        for step in night.steps
        if step.step == "gate" and step.finished_at is not None
    ]
    return [_PUBLISHED.validate_python(detail) for detail in details if detail is not None]


def _record(result: GateResult) -> GateRecord:
    return GateRecord(
        gate=result.gate,
        passed=result.passed,
        value=result.value,
        low=result.low,
        high=result.high,
        bound=result.bound,
        detail=result.detail,
    )


def _names(value: object) -> list[str]:
    """A list of ids out of a manifest."""
    return _IDS.validate_python(value)
