"""The gates in the morning report: every number with its interval on a line, and its bound."""

from collections.abc import Sequence
from html import escape

from rlaif.report_texts import gate_name, number
from store.night_records import GateRecord

_EDGE = 0.12


def gates_html(gates: Sequence[GateRecord]) -> str:
    """Return the table: those that failed first; empty without gates."""
    if not gates:
        return ""
    failed = [gate for gate in gates if not gate.passed]
    passed = [gate for gate in gates if gate.passed]
    told = f'<p class="score"><b>{len(passed)}</b> / {len(gates)} の関門を通りました。</p>'
    opened = "" if failed and len(passed) > 12 else " open"
    kept = (
        f"<details{opened}><summary>通った関門 {len(passed)}</summary>{_table(passed)}</details>"
        if passed
        else ""
    )
    legend = (
        '<p class="legend"><span class="band"></span>区間<span class="dot"></span>値'
        '<span class="bound"></span>境</p>'
    )
    return told + legend + (_table(failed) if failed else "") + kept


def _table(gates: Sequence[GateRecord]) -> str:
    rows = "".join(_row(gate) for gate in gates)
    return f'<div class="scroll"><table class="gates">{rows}</table></div>'


def _row(gate: GateRecord) -> str:
    mark = ("pass", "通過") if gate.passed else ("fail", "不通過")
    reason = gate.detail.get("reason")
    why = f"<small>{escape(str(reason))}</small>" if reason else ""
    figures = f"<b>{number(gate.value)}</b> <small>{number(gate.low)} – {number(gate.high)}</small>"
    bound = "" if gate.bound is None else f"境 {number(gate.bound)}"
    return (
        f'<tr class="{mark[0]}"><td class="mark">{mark[1]}</td>'
        f"<th>{escape(gate_name(gate.gate))}<code>{escape(gate.gate)}</code>{why}</th>"
        f'<td class="line">{_line(gate)}</td><td class="n">{figures}</td>'
        f'<td class="n">{bound}</td></tr>'
    )


def _line(gate: GateRecord) -> str:
    """Value and interval between the least and the greatest of all that is known."""
    if gate.value is None:
        return ""
    low = gate.value if gate.low is None else gate.low
    high = gate.value if gate.high is None else gate.high
    known = [low, high, gate.value, *([] if gate.bound is None else [gate.bound])]
    least, span = min(known), max(known) - min(known)

    def place(value: float) -> float:
        share = 0.5 if span == 0 else (value - least) / span
        return 100 * (_EDGE + (1 - 2 * _EDGE) * share)

    bound = (
        "" if gate.bound is None else f'<em style="left:{place(gate.bound):.1f}%" title="境"></em>'
    )
    return (
        f'<s><u style="left:{place(low):.1f}%;width:{place(high) - place(low):.1f}%"></u>'
        f'{bound}<b style="left:{place(gate.value):.1f}%"></b></s>'
    )
