"""All tables together: importing the modules that define them makes them known."""

from store import console_tables, night_tables
from store.tables import Base

METADATA = Base.metadata
TABLE_MODULES = (console_tables, night_tables)
