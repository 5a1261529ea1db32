"""Fresh databases of both kinds for tests."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, make_url, text

POSTGRES_VARIABLE = "YOGEIKO_TEST_POSTGRES_URL"
KINDS = ("sqlite", "postgres")


@contextmanager
def fresh_url(kind: str, folder: Path) -> Iterator[str]:
    """Yield the URL of an empty database; skips when there is no PostgreSQL to use."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'yogeiko.db'}"
        return
    server = os.environ.get(POSTGRES_VARIABLE)
    if not server:
        pytest.skip(f"{POSTGRES_VARIABLE} is not set; start one with .ci/postgres")
    url = make_url(server).set(drivername="postgresql+psycopg")
    # A schema is as empty as a database and far cheaper to make.
    name = f"test_{uuid4().hex}"
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE SCHEMA {name}"))
    try:
        inside = url.update_query_dict({"options": f"-csearch_path={name}"})
        yield inside.render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.execute(text(f"DROP SCHEMA {name} CASCADE"))
        engine.dispose()
