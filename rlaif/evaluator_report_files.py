"""The report on disk: report.md, report.png, and report.json, which is written last."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from persona.durable import write_file
from rlaif.evaluator_report import EvaluatorReport
from rlaif.evaluator_report_markdown import as_markdown
from rlaif.evaluator_report_picture import report_picture


def report_json(report: EvaluatorReport, manifest: Mapping[str, object]) -> dict[str, object]:
    """Everything as JSON values; figures as {value, low, high, n}, null where there is none."""
    facts = asdict(report)
    if report.faults is not None:
        del facts["faults"]["good"], facts["faults"]["good_groups"]
    return {"manifest": dict(manifest), **facts}


def write_report(
    report: EvaluatorReport, manifest: Mapping[str, object], folder: Path
) -> dict[str, object]:
    """Put the three files into `folder`, each whole or not at all; return the JSON."""
    facts = report_json(report, manifest)
    folder.mkdir(parents=True, exist_ok=True)
    write_file(folder / "report.md", as_markdown(report, manifest).encode())
    write_file(folder / "report.png", report_picture(report))
    text = json.dumps(facts, ensure_ascii=False, indent=2, allow_nan=False)
    write_file(folder / "report.json", text.encode() + b"\n")
    return facts
