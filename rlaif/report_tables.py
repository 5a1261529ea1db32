"""The reward's tables on the page: a title, a line that explains it, rows that wrap on a phone."""

from collections.abc import Sequence
from html import escape

from rlaif.report_reward import Table


def tables_html(tables: Sequence[Table]) -> str:
    """Return them side by side where there is room; empty without any."""
    if not tables:
        return ""
    return f'<div class="columns">{"".join(_table(table) for table in tables)}</div>'


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in table.head)
    rows = "".join(
        f"<tr><th>{escape(row[0])}</th>{''.join(f'<td>{escape(cell)}</td>' for cell in row[1:])}</tr>"
        for row in table.rows
    )
    return (
        f'<div class="plain"><h3>{escape(table.title)}</h3><p>{escape(table.note)}</p>'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )
