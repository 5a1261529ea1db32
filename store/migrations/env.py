"""Run by Alembic with the connection that `store.database` hands over."""

from alembic import context
from sqlalchemy import Connection

from store.schema import METADATA

connection = context.config.attributes["connection"]
if not isinstance(connection, Connection):
    raise TypeError("migrations run through store.database.open_database only")

context.configure(
    connection=connection,
    target_metadata=METADATA,
    # SQLite can roll DDL back; Alembic assumes it cannot.
    transactional_ddl=True,
    render_as_batch=connection.dialect.name == "sqlite",
)
with context.begin_transaction():
    context.run_migrations()
