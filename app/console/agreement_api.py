"""How far the evaluator agrees with people, and what its weights make of pairs."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.agreement import metric_report, night_judge
from app.agreement_json import metric_json, report_json
from app.api_json import Json
from app.console.door import Reviewer
from app.console.errors import ConsoleError
from app.console.parts import Console
from rlaif.metrics import METRIC_KEYS

router = APIRouter(prefix="/api/console")

EvaluatorName = Annotated[str | None, Query(max_length=200)]


@router.get("/agreement")
def read_agreement(console: Console, who: Reviewer, evaluator: EvaluatorName = None) -> Json:
    """All twelve metrics; of the evaluator that picks pairs unless another is named."""
    judge = night_judge(console.settings, console.database, evaluator)
    report = console.agreement.report(console.settings, console.database, judge, console.now())
    return report_json(report)


@router.get("/agreement/{metric}")
def read_metric(
    console: Console, who: Reviewer, metric: str, evaluator: EvaluatorName = None
) -> Json:
    """One metric with every rating behind its figures."""
    if metric not in METRIC_KEYS:
        known = ", ".join(METRIC_KEYS)
        raise ConsoleError("metric_unknown", status=404, metric=metric[:40], known=known)
    judge = night_judge(console.settings, console.database, evaluator)
    return metric_json(
        metric_report(console.settings, console.database, judge, metric, console.now())
    )
