"""The second half of a night: train from the anchor, hold the result against gates, publish it."""

import hashlib
import logging
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter

from persona.dialogues import read_card_rows
from rlaif.errors import PublishError, TrainingDiedError, TrainingStoppedError
from rlaif.evaluator_agreement import health_json
from rlaif.gate_measurements import Measurements, Published, Unmeasured
from rlaif.gates import GateResult, decide, judge_gates, published_figures
from rlaif.night_work import Detail, MeasuredAdapter, NightEnds, NightWork, TrainingOrder
from rlaif.prompt_groups import preference_of
from rlaif.publish import Publication, verify_adapter
from rlaif.publish import publish as put_into_production
from rlaif.report import write_examples
from rlaif.seed_pairs import replay_pool
from rlaif.traces import TRAINING_FOLDER, clear_training
from rlaif.train import Lineage
from rlaif.training_pairs import TrainingPair
from rlaif.training_set import (
    TrainingSet,
    anchor_of,
    check_still_allowed,
    nothing_to_rehearse,
    training_set,
    tried_before,
)
from store.adapters import active_adapter, list_deployments, load_adapter
from store.erasures import count_existing_pairs
from store.errors import ConflictError, LeaseError
from store.gate_results import save_gate_results
from store.night_records import GateRecord
from store.night_scope import save_training_pairs
from store.nights import list_nights, note_step

_IDS = TypeAdapter(list[str])
_COUNTS = TypeAdapter(dict[str, int])
_PUBLISHED = TypeAdapter(Published)

_TRAINING_LIVES = 3

logger = logging.getLogger(__name__)


def train(work: NightWork) -> Detail:
    """Train a new adapter from the anchor on all pairs that may still be learnt from.

    Raises NightEnds: "skipped" below the least number of pairs and when just these pairs were
    trained on by an earlier night; "stopped" when training was, with a checkpoint, and when some of
    the pairs were erased while it trained, so that the night goes on without them.
    """
    read_at = work.now()
    found = training_set(work)
    _check_enough(work, found)
    active = _in_production(work)
    anchor = anchor_of(work, active)
    before = tried_before(work, found, anchor.id)
    if before is not None:
        raise NightEnds(
            "skipped",
            f"the night of {before} has trained on just these {len(found.pairs)} pairs; there is "
            "nothing new to learn",
            {"allowed": len(found.pairs), "skipped_for": "known"},
        )
    work.parts.close_engine()
    order = TrainingOrder(
        anchor_folder=Path(anchor.folder),
        pairs=tuple(TrainingPair(id=one.id, preference=preference_of(one)) for one in found.pairs),
        replay_pairs=tuple(_replay(work, len(found.pairs))),
        work_folder=work.folder / TRAINING_FOLDER,
        lineage=Lineage(
            date=work.date,
            active=active,
            details={
                "evaluator": str(work.detail("score")["evaluator"]),
                "drops": _COUNTS.validate_python(work.detail("pair")["drops"]),
                "left_out": found.left_out,
            },
        ),
        settings=work.settings.training,
    )
    manifest = _trained(work, order)
    with work.writing() as session:
        save_training_pairs(session, work.claim, _names(manifest["pair_ids"]))
    return {
        "read_at": read_at.isoformat(),
        "adapter": manifest["id"],
        "anchor": anchor.id,
        "active": active,
        "pairs": len(found.pairs),
        "left_out": dict(found.left_out),
        "pairs_sha256": found.digest(anchor.id),
        "replay": len(_names(manifest["replay_pair_ids"])),
        "metrics": manifest["metrics"],
    }


def gate(work: NightWork) -> Detail:
    """Measure candidate, active and anchor on the frozen probes and judge every gate.

    Active is what is in production now: operators may have changed it since the night began.
    Raises NightEnds("refused") with the gates that failed.
    """
    trained = work.detail("train")
    production = _in_production(work)
    if production is None:
        raise nothing_to_rehearse()
    names = [str(trained["adapter"]), production, str(trained["anchor"])]
    measured: dict[str, Measurements | Unmeasured] = {}
    for name in dict.fromkeys(names):
        measured[name] = _measured(work, name)
    candidate, active, anchor = (measured[name] for name in names)
    results = judge_gates(candidate, active, anchor, _history(work, candidate), work.settings.gates)
    decision = decide(results)
    _keep_examples(work, active=names[1], candidate=names[0])
    health: Detail = {
        "evaluators": {
            role: health_json(one)
            for role, one in (("candidate", candidate), ("active", active))
            if isinstance(one, Measurements)
        }
    }
    with work.writing() as session:
        save_gate_results(session, work.claim, [_record(result) for result in results])
        note_step(session, work.claim, "gate", health)
    figures = published_figures(candidate) if isinstance(candidate, Measurements) else None
    detail: Detail = {
        **health,
        "adapter": trained["adapter"],
        "active": production,
        "gates": len(results),
        "reason": decision.reason,
        "published": None if figures is None else asdict(figures),
    }
    if not decision.publish:
        raise NightEnds("refused", decision.reason, detail)
    return detail


def publish(work: NightWork) -> Detail:
    """Register the adapter, link its pairs and put it into production, all in one transaction.

    Raises NightEnds("refused") when something else is in production than it was held against, or
    when a pair it learnt from may not be learnt from any more.
    """
    name = str(work.detail("train")["adapter"])
    if _was_deployed(work, name):
        # Killed right after: what operators or the watch decided about it since is theirs.
        return {"adapter": name}
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
        gated_against=str(work.detail("gate")["active"]),
    )
    try:
        with work.writing() as session:
            check_still_allowed(work, session, publication.pair_ids)
            put_into_production(session, work.claim, publication, work.now())
    except (ConflictError, PublishError) as error:
        # Somebody was erased while it trained, or production is not what it was held against.
        again = f"run `yogeiko night run --date {work.date} --resume`"
        raise NightEnds("refused", f"{error}; {again}", {"adapter": name}) from error
    return {"adapter": name}


def _trained(work: NightWork, order: TrainingOrder) -> Mapping[str, object]:
    """The manifest; a training process that died is started again where its checkpoint is."""

    def progress(done: int, total: int | None) -> None:
        work.progress(done, total)
        _stop_if_erased(work, order.pairs)

    for deaths in range(_TRAINING_LIVES):
        try:
            return work.parts.train(order, progress)
        except TrainingStoppedError as stop:
            raise NightEnds("stopped", str(stop)) from stop
        except _PairsErased as gone:
            # What it has learnt so far, it learnt from them.
            clear_training(order.work_folder)
            raise NightEnds("stopped", str(gone)) from gone
        except TrainingDiedError as death:
            if deaths + 1 == _TRAINING_LIVES:
                raise
            logger.warning("Training goes on from its checkpoint: %s", death)
            work.progress(0, None)
    raise AssertionError("the last training returns or raises")


class _PairsErased(Exception):
    """Pairs that are being trained on are gone."""


def _stop_if_erased(work: NightWork, pairs: Sequence[TrainingPair]) -> None:
    with work.database.reading() as session:
        gone = len(pairs) - count_existing_pairs(session, [one.id for one in pairs])
    if gone:
        raise _PairsErased(
            f"{gone} of {len(pairs)} pairs were erased while they were trained on; "
            f"yogeiko night run --date {work.date} --resume goes on without them"
        )


def _was_deployed(work: NightWork, name: str) -> bool:
    with work.database.reading() as session:
        history = list_deployments(session, with_tainted=True)
    return name in {deployment.adapter for deployment in history}


def _in_production(work: NightWork) -> str | None:
    with work.database.reading() as session:
        return active_adapter(session)


def _check_enough(work: NightWork, found: TrainingSet) -> None:
    if len(found.pairs) >= work.settings.min_pairs:
        return
    capped = sum(found.left_out.values())
    raise NightEnds(
        "skipped",
        f"{len(found.pairs)} pairs may be trained on, {work.settings.min_pairs} are needed; they "
        "are kept for the next nights"
        + (f" ({capped} more are over a visitor's share)" if capped else ""),
        {"allowed": len(found.pairs), "left_out": dict(found.left_out)},
    )


def _replay(work: NightWork, fresh: int) -> list[TrainingPair]:
    """Seed pairs that tonight's training can draw among."""
    share = work.settings.training.replay_share
    rng = random.Random(int.from_bytes(hashlib.sha256(work.date.encode()).digest()[:8]))
    rows = read_card_rows(work.parts.card.folder, "train")
    return replay_pool(rows, fresh, share, rng)


def _measured(work: NightWork, adapter: str) -> Measurements | Unmeasured:
    """The probes' figures of one adapter; whatever goes wrong becomes the reason there are none."""
    trust = work.trust()
    try:
        folder = work.parts.adapters_folder / adapter
        if not folder.is_dir():
            with work.database.reading() as session:
                folder = Path(load_adapter(session, adapter).folder)
        engine = work.parts.engine()
        if adapter not in engine.adapters():
            engine.add_adapter(adapter, folder)
        return work.parts.measure(
            engine, MeasuredAdapter(id=adapter, folder=folder, trust=trust), work.progress
        )
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


def _history(work: NightWork, measured: Measurements | Unmeasured) -> list[Published]:
    """The figures of everything that earlier nights published, on the candidate's probes.

    When probes, evaluator or sampling have changed, older figures compare with nothing; then the
    best of those adapters is asked again, so that the drift budget does not forget it.
    """
    with work.database.reading() as session:
        nights = list_nights(session)
        served = {one.adapter for one in list_deployments(session)}
    published = [
        _PUBLISHED.validate_python(detail)
        for night in nights
        if night.status == "published" and night.date != work.date
        for step in night.steps
        if step.step == "gate" and (detail := step.detail.get("published")) is not None
    ]
    if isinstance(measured, Unmeasured):
        return published
    known = {one.adapter for one in published if one.probe_set == measured.probe_set}
    older = [
        one
        for one in published
        if one.adapter in served - known and (work.parts.adapters_folder / one.adapter).is_dir()
    ]
    if not older:
        return published
    best = max(older, key=lambda one: one.figures.get("gate_score", 0.0))
    again = _measured(work, best.adapter)
    return published if isinstance(again, Unmeasured) else [*published, published_figures(again)]


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
