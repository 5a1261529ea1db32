"""From a trained folder to production, and back.

What is deployed was verified first: only safetensors, the manifest's digest, the base that is
served, finite factors of the right shapes. All rows of a publication are one transaction under the
night's fence, the deployment among them: after a kill there is the old adapter or the new one.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from persona.adapter_folder import MANIFEST, read_adapter
from persona.durable import folder_lock, published_folder
from persona.errors import AdapterError
from rlaif.errors import PublishError
from store.adapters import (
    active_adapter,
    deploy,
    ensure_adapter,
    hold_production,
    list_deployments,
    load_adapter,
)
from store.audit import append_audit
from store.lineage import link_pairs
from store.night_records import NightClaim
from store.nights import check_fence
from store.records import Adapter


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedBase:
    """The base model that adapters must fit. shapes: module path -> (out_features, in_features)."""

    sha256: str
    shapes: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """A verified adapter, the pairs it learnt from, and who deploys it why.

    gated_against: what must still be in production for it; None: whatever is.
    """

    adapter: Adapter
    pair_ids: tuple[str, ...]
    who: str
    why: str
    gated_against: str | None = None


def read_record(folder: Path, *, now: datetime, parent_id: str | None = None) -> Adapter:
    """Return what the store keeps of a trained adapter, as its manifest says. Raises AdapterError.

    Nothing but the manifest is looked at; `verify_adapter` looks at the rest.
    """
    try:
        manifest: dict[str, object] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        name, kind, base, sha256 = (
            str(manifest[key]) for key in ("id", "kind", "base_sha256", "sha256")
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AdapterError(
            f"{folder / MANIFEST} is no adapter manifest ({error!r}); expected JSON with id, kind, "
            "base_sha256 and sha256, as `yogeiko persona train` writes it"
        ) from error
    return Adapter(
        id=name,
        parent_id=parent_id,
        kind=kind,
        base=base,
        sha256=sha256,
        folder=str(folder.absolute()),
        manifest=manifest,
        created_at=now,
    )


def verify_adapter(
    folder: Path, base: ServedBase, *, now: datetime, parent_id: str | None = None
) -> Adapter:
    """Read every file of an adapter and return its record. Raises AdapterError, one sentence."""
    weights = read_adapter(folder, shapes=base.shapes, base_sha256=base.sha256)
    record = read_record(folder, now=now, parent_id=parent_id)
    # read_adapter lets folders without a manifest pass; here it has just been required.
    if record.sha256 != weights.sha256 or record.base != base.sha256:
        raise AdapterError(f"{folder} changed while it was read; publish it under a fresh id")
    return record


def verify_registered(adapter: Adapter, base: ServedBase) -> None:
    """Check that a registered adapter's folder still holds what was registered.

    Raises AdapterError.
    """
    found = verify_adapter(Path(adapter.folder), base, now=adapter.created_at)
    if (found.id, found.sha256) != (adapter.id, adapter.sha256):
        raise AdapterError(
            f"{adapter.folder} holds {found.id} with sha256 {found.sha256[:12]}…; registered is "
            f"{adapter.id} with {adapter.sha256[:12]}…; restore the folder"
        )


def place_folder(trained: Path, adapters_folder: Path) -> Path:
    """Copy a trained folder among the adapters, whole or not at all, and return its place.

    A folder that is there already is returned as it is. Raises AdapterError for an id in use by
    other weights.
    """
    record = read_record(trained, now=datetime.min)
    if not record.id or "/" in record.id or record.id.startswith("."):
        raise AdapterError(f"{trained / MANIFEST}: id is {record.id!r}; expected a folder name")
    target = adapters_folder / record.id
    if target.absolute() == trained.absolute():
        return target
    with folder_lock(adapters_folder):
        if target.exists():
            if read_record(target, now=datetime.min).sha256 != record.sha256:
                raise AdapterError(
                    f"{target} holds other weights than {trained}; train under a fresh id"
                )
            return target
        with published_folder(target) as folder:
            for path in sorted(trained.iterdir()):
                if path.is_symlink() or not path.is_file():
                    raise AdapterError(
                        f"{path} is no plain file; an adapter folder holds only such"
                    )
                (folder / path.name).write_bytes(path.read_bytes())
    return target


def publish(
    session: Session, claim: NightClaim, publication: Publication, now: datetime
) -> Adapter:
    """Register an adapter of `verify_adapter`, link its pairs and put it into production.

    Again is harmless: what is in production already is not deployed twice. Raises LeaseError when
    the night is somebody else's, ConflictError when pairs were erased since training read them,
    PublishError when production changed since it was held against it; then nothing is written once the caller's transaction rolls back.
    """
    check_fence(session, claim)
    adapter = publication.adapter
    ensure_adapter(session, adapter)
    link_pairs(session, adapter.id, publication.pair_ids)
    active = hold_production(session)
    if active != adapter.id:
        gated = publication.gated_against
        if gated is not None and active != gated:
            raise PublishError(
                f"{adapter.id} passed the gates against {gated}, but "
                f"{active or 'the bare base model'} has been put into production since and stays"
            )
        deploy(session, adapter.id, who=publication.who, why=publication.why, now=now)
    return adapter


def activate(session: Session, adapter_id: str, *, who: str, why: str, now: datetime) -> Adapter:
    """Put a registered adapter into production; the caller has verified it.

    Raises NotFoundError, ConflictError for a tainted one.
    """
    adapter = load_adapter(session, adapter_id)
    before = active_adapter(session)
    deploy(session, adapter_id, who=who, why=why, now=now)
    detail: dict[str, object] = {"adapter": adapter_id, "before": before}
    append_audit(session, actor=who, action="adapter.activate", detail=detail, now=now)
    return adapter


def rollback(
    session: Session,
    *,
    who: str,
    why: str,
    now: datetime,
    to: str | None = None,
    check: Callable[[Adapter], None] | None = None,
) -> Adapter:
    """Put an earlier adapter into production again, `to` or the newest one below the present.

    `check` raises AdapterError for a damaged one: it is passed over, or refused if asked for.
    Raises PublishError when there is none to go back to, NotFoundError, ConflictError as `deploy`.
    """
    active = active_adapter(session)
    choices = [to] if to is not None else _below(session, active)
    history = list_deployments(session, with_tainted=True)
    if to is not None and to not in {deployment.adapter for deployment in history}:
        load_adapter(session, to)
        raise PublishError(
            f"adapter {to} was never in production; to use it, run `yogeiko adapter activate {to}`"
        )
    faults: list[str] = []
    for adapter in (load_adapter(session, one) for one in choices if one != active):
        try:
            if check is not None:
                check(adapter)
        except AdapterError as error:
            faults.append(str(error))
            continue
        deploy(session, adapter.id, who=who, why=why, now=now)
        detail: dict[str, object] = {"adapter": adapter.id, "before": active}
        append_audit(session, actor=who, action="adapter.rollback", detail=detail, now=now)
        return adapter
    raise PublishError(_nothing_below(active, to, faults))


def earlier_adapters(session: Session) -> list[str]:
    """Return what `rollback` would go back to, in the order it would try them."""
    return _below(session, active_adapter(session))


def replace_tainted(session: Session, *, who: str, now: datetime) -> str | None:
    """Deploy the clean adapter that is served in a tainted one's place, so that the history says
    what is in production. Return it, None when nothing had to be done."""
    history = list_deployments(session, with_tainted=True)
    active = active_adapter(session)
    if not history or active is None or history[0].adapter == active:
        return None
    why = f"instead of {history[0].adapter}, which may not be served any more"
    deploy(session, active, who=who, why=why, now=now)
    return active


def _below(session: Session, active: str | None) -> list[str]:
    """The adapters under the present one, newest first.

    Going back to an adapter discards those that came after it, so that a second rollback does not
    return to what the first one left.
    """
    standing: list[str] = []
    for deployment in reversed(list_deployments(session)):
        if deployment.adapter in standing:
            del standing[standing.index(deployment.adapter) :]
        standing.append(deployment.adapter)
    if active in standing:
        del standing[standing.index(active) :]
    return standing[::-1]


def _nothing_below(active: str | None, to: str | None, faults: list[str]) -> str:
    if faults:
        return f"no earlier adapter can be used: {'; '.join(faults)}"
    if to is not None:
        return f"adapter {to} is in production already; choose another, see yogeiko adapter list"
    return (
        f"no adapter was in production before {active or 'the bare base model'}; choose one "
        "with `yogeiko adapter activate ID`"
    )
