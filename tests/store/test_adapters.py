"""Adapters, deployments, facts and operators."""

from dataclasses import replace
from datetime import datetime

import pytest

from store.adapters import active_adapter, deploy, ensure_adapter, list_deployments, load_adapter
from store.database import Database
from store.errors import ConflictError, NotFoundError
from store.operators import has_operator
from store.records import Adapter
from store.tables import OperatorRow


def _adapter(name: str, now: datetime) -> Adapter:
    return Adapter(
        id=name,
        parent_id=None,
        kind="sft",
        base="embedded:gemma-3-270m",
        sha256="ab" * 32,
        folder=f"/adapters/{name}",
        manifest={"id": name, "rank": 8},
        created_at=now,
    )


def test_the_newest_deployment_is_active(database: Database, now: datetime) -> None:
    with database.session() as session:
        assert active_adapter(session) is None
        for name in ("v1", "v2"):
            ensure_adapter(session, _adapter(name, now))
            deploy(session, name, who="test", why="first", now=now)
        deploy(session, "v1", who="test", why="rollback", now=now)
    with database.reading() as session:
        assert active_adapter(session) == "v1"
        assert [one.adapter for one in list_deployments(session)] == ["v1", "v2", "v1"]
        assert load_adapter(session, "v1") == _adapter("v1", now)


def test_an_adapter_may_move_but_not_change(database: Database, now: datetime) -> None:
    adapter = _adapter("v1", now)
    with database.session() as session:
        ensure_adapter(session, adapter)
        ensure_adapter(session, replace(adapter, folder="/elsewhere"))
        assert load_adapter(session, "v1").folder == "/elsewhere"
        with pytest.raises(ConflictError, match="new id"):
            ensure_adapter(session, replace(adapter, sha256="cd" * 32))
        with pytest.raises(NotFoundError):
            deploy(session, "v9", who="test", why="typo", now=now)


def test_only_an_enabled_operator_with_a_password_counts(database: Database, now: datetime) -> None:
    def add(name: str, password_hash: str, disabled_at: datetime | None) -> None:
        session.add(
            OperatorRow(
                name=name, password_hash=password_hash, created_at=now, disabled_at=disabled_at
            )
        )
        session.flush()

    with database.session() as session:
        assert not has_operator(session)
        add("empty", "", None)
        add("gone", "hash", now)
        assert not has_operator(session)
        add("here", "hash", None)
        assert has_operator(session)
