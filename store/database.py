"""Opening a database: pragmas on every connection, migration to head, one-transaction sessions."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from store.errors import DatabaseError
from store.reply_index import catch_up, follow_changes, rebuild
from store.schema import METADATA

_PRAGMA_PATIENCE_SECONDS = 10.0
SQLITE_PRAGMAS = {
    "journal_mode": "WAL",
    "synchronous": "FULL",
    "foreign_keys": "ON",
    "busy_timeout": "5000",
    "secure_delete": "ON",
}
_MIGRATIONS = Path(__file__).parent / "migrations"
_MIGRATION_LOCK = 0x796F67  # any constant: the key of PostgreSQL's advisory lock
_BEGIN = "yogeiko_begin"
_INDEX_SINCE = "0007"  # databases older than this have the index of replies made anew
_PAGES_AT_ONCE = 1_000
_CHANGES_OF_AN_IDLE_MERGE = 2
_OLDER_TRANSACTIONS_PATIENCE_SECONDS = 10.0
_OLDER_TRANSACTIONS = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND greatest(age(backend_xmin), age(backend_xid)) > age(CAST(CAST(:newest AS xid8) AS xid))"
)


class Database:
    """An open database at the newest schema. Safe to share between threads."""

    def __init__(self, engine: Engine) -> None:
        self._writer = engine
        self._reader = engine.execution_options(**{_BEGIN: "BEGIN"})

    @property
    def dialect(self) -> str:
        """'sqlite' or 'postgresql'."""
        return self._writer.dialect.name

    @contextmanager
    def session(self) -> Iterator[Session]:
        """One transaction that may write: committed at the end, rolled back on any exception.

        On SQLite it takes the write lock at once, because a read that turns into a write fails
        without waiting when another writer was between them.
        """
        with Session(self._writer) as session:
            event.listen(session, "after_flush", follow_changes)
            event.listen(session, "before_commit", catch_up)
            with session.begin():
                yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One transaction that only reads; never waits for a writer."""
        with Session(self._reader) as session, session.begin():
            yield session

    def checkpoint(self) -> None:
        """Move the write-ahead log into the database file and empty it; nothing on PostgreSQL."""
        if self.dialect == "sqlite":
            with self._autocommit() as connection:
                self._run_pragma_checkpoint(connection)

    def scrub(self) -> None:
        """Leave no bytes of deleted rows in the files of the database.

        SQLite zeroes deleted cells (secure_delete); VACUUM rewrites the file and the checkpoint
        empties the log. PostgreSQL rewrites its tables, once no older transaction may still look
        at the deleted rows; its own WAL is recycled by the server. Raises DatabaseError when a
        reader held the log, or an older transaction lasted, for longer than the patience for it.
        """
        with self._autocommit() as connection:
            if self.dialect == "sqlite":
                self._forget_words(connection)
                connection.execute(text("VACUUM"))
                self._run_pragma_checkpoint(connection)
            else:
                self._wait_for_older_transactions(connection)
                tables = ", ".join(table.name for table in METADATA.sorted_tables)
                connection.execute(text(f"VACUUM FULL {tables}"))

    def forget_words(self) -> None:
        """Leave nothing in SQLite's full-text table of the words of removed replies.

        Done in short transactions, so that nobody waits; nothing on PostgreSQL.
        """
        if self.dialect == "sqlite":
            with self._autocommit() as connection:
                left = connection.execute(text("SELECT 1 FROM reply_words_left LIMIT 1"))
                if left.scalar() is not None:
                    self._forget_words(connection)

    def close(self) -> None:
        """Close every pooled connection."""
        self._writer.dispose()

    @contextmanager
    def _autocommit(self) -> Iterator[Connection]:
        engine = self._writer.execution_options(isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            yield connection

    @staticmethod
    def _wait_for_older_transactions(connection: Connection) -> None:
        """Wait until every transaction that PostgreSQL keeps rows deleted before now for is over."""
        horizon = connection.execute(text("SELECT pg_snapshot_xmax(pg_current_snapshot())::text"))
        newest = {"newest": horizon.scalar_one()}
        until = time.monotonic() + _OLDER_TRANSACTIONS_PATIENCE_SECONDS
        while (older := connection.execute(_OLDER_TRANSACTIONS, newest).scalar_one()) > 0:
            if time.monotonic() > until:
                raise DatabaseError(
                    f"{older} transactions on this PostgreSQL database have lasted for more than "
                    f"{_OLDER_TRANSACTIONS_PATIENCE_SECONDS:g} seconds, so that deleted rows stay "
                    "on its pages; end them and repeat the erasure"
                )
            time.sleep(0.05)

    @staticmethod
    def _forget_words(connection: Connection) -> None:
        """Merge the segments of the full-text table, which keep what was removed until then."""
        last = connection.execute(text("SELECT max(id) FROM reply_words_left")).scalar()
        merge = text("INSERT INTO reply_search (reply_search, rank) VALUES ('merge', :pages)")
        changed = text("SELECT total_changes()")
        pages, before = -_PAGES_AT_ONCE, int(connection.execute(changed).scalar_one())
        while True:
            connection.execute(merge, {"pages": pages})
            after = int(connection.execute(changed).scalar_one())
            if after - before < _CHANGES_OF_AN_IDLE_MERGE:
                break
            pages, before = _PAGES_AT_ONCE, after
        connection.execute(text("DELETE FROM reply_words_left WHERE id <= :last"), {"last": last})

    @staticmethod
    def _run_pragma_checkpoint(connection: Connection) -> None:
        busy = connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)")).scalar_one()
        if busy:
            raise DatabaseError(
                "the database log could not be emptied because another process is reading it; "
                "close it and repeat the erasure"
            )


def open_database(url: str) -> Database:
    """Open `url`, making and migrating it as needed.

    `url` is a SQLAlchemy URL: `sqlite:////absolute/path.db`, or `postgresql://…`, which uses
    psycopg. Raises DatabaseError with one sentence when it cannot be opened or is of a newer
    version.
    """
    parsed = _parse(url)
    try:
        engine = _make_engine(parsed)
        with engine.connect() as connection:
            _migrate(connection)
    except (SQLAlchemyError, OSError) as error:
        reason = str(getattr(error, "orig", error)).strip().splitlines()[0]
        raise DatabaseError(
            f"database {parsed.render_as_string()} cannot be opened: {reason}; "
            "check that the place exists, is writable and the address is right"
        ) from error
    return Database(engine)


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise DatabaseError(
            "DATABASE_URL is not an address; expected sqlite:////path/to.db or "
            "postgresql://user@host/name"
        ) from error
    backend = parsed.get_backend_name()
    if backend in ("postgres", "postgresql"):
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise DatabaseError(f"database kind is {backend!r}; expected sqlite or postgresql")
    if parsed.database in (None, "", ":memory:"):
        raise DatabaseError("the SQLite database has no file; expected sqlite:////path/to.db")
    return parsed


def _make_engine(url: URL) -> Engine:
    if url.get_backend_name() == "postgresql":
        return create_engine(
            url, pool_size=10, max_overflow=20, pool_pre_ping=True, hide_parameters=True
        )
    path = Path(str(url.database))
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # The file holds conversations: nobody else on the machine may read it (nor -wal, -shm,
    # which SQLite creates with the permissions of the database).
    path.touch(mode=0o600, exist_ok=True)
    # Errors are logged, and what visitors said must not be in a log.
    engine = create_engine(url, pool_size=10, max_overflow=20, hide_parameters=True)
    event.listen(engine, "connect", _on_sqlite_connect)
    event.listen(engine, "begin", _on_sqlite_begin)
    return engine


def _on_sqlite_connect(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    if not isinstance(connection, sqlite3.Connection):
        raise TypeError(f"connection is {type(connection).__name__}; expected sqlite3.Connection")
    # Without this the driver opens transactions by itself, too late and never for DDL.
    connection.isolation_level = None
    # First, because switching to WAL may itself have to wait for another process.
    connection.execute(f"PRAGMA busy_timeout={SQLITE_PRAGMAS['busy_timeout']}")
    for name, value in SQLITE_PRAGMAS.items():
        _set_pragma(connection, name, value)


def _set_pragma(connection: sqlite3.Connection, name: str, value: object) -> None:
    """Set it, waiting for others: where several processes switch a new file to WAL at once, SQLite
    calls it locked without heeding busy_timeout."""
    until = time.monotonic() + _PRAGMA_PATIENCE_SECONDS
    while True:
        try:
            connection.execute(f"PRAGMA {name}={value}")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


def _on_sqlite_begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    # With AUTOCOMMIT SQLAlchemy still announces a transaction, but VACUUM must be outside one.
    if options.get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql(str(options.get(_BEGIN, "BEGIN IMMEDIATE")))


def _migrate(connection: Connection) -> None:
    """Bring the schema to head; two processes may try at once, and a kill leaves the old schema."""
    config = alembic_config(connection)
    scripts = ScriptDirectory.from_config(config)
    head = scripts.get_current_head()
    with connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        current = MigrationContext.configure(connection).get_current_revision()
        if current == head:
            return
        known = {script.revision for script in scripts.walk_revisions()}
        if current is not None and current not in known:
            raise DatabaseError(
                f"the database is at version {current}, which this yogeiko does not know "
                f"(newest known: {head}); install the newer yogeiko that made it"
            )
        command.upgrade(config, "head")
        if current is not None and current < _INDEX_SINCE:
            rebuild(connection)


def alembic_config(connection: Connection) -> Config:
    """Return what Alembic needs to change the schema through an open connection."""
    config = Config()
    # Alembic reads options through configparser, to which % is special.
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
