"""Agreement as JSON, for the command line and the console: figures and counts, no texts."""

from datetime import datetime

from app.agreement import AgreementReport, MetricReport
from persona.estimates import Estimate
from rlaif.agreement import Agreement, MetricAgreement
from rlaif.agreement_drift import Drift, WindowFigure
from rlaif.metrics import METRIC_KEYS
from rlaif.pair_proposals import ProposalSettings
from rlaif.trust import MetricTrust, TrustSettings
from rlaif.trust_effect import MetricShare, PairingChange
from store.night_records import TrustRecord


def report_json(report: AgreementReport) -> dict[str, object]:
    """The report as JSON: figures with intervals and counts, no texts."""
    return {
        "evaluator": report.judge.id,
        "learnt_until": _time(report.judge.learnt_until),
        "evaluators": dict(report.evaluators),
        "rules": rules_json(),
        "metrics": [
            {
                **agreement_json(one),
                **trust_json(report.trust[key]),
                "share": share_json(report.shares.get(key)),
            }
            for key, one in report.metrics.items()
        ],
        "nights": [
            {
                "date": date,
                "trust": {one.metric: _frozen(one) for one in frozen},
            }
            for date, frozen in report.nights.items()
        ],
        "pairing": {"night": report.night, **change_json(report.change)},
    }


def metric_json(report: MetricReport) -> dict[str, object]:
    """One metric as JSON, with every rating and each pair that would change."""
    metric = report.agreement.metric
    return {
        "evaluator": report.judge.id,
        "rules": rules_json(),
        **agreement_json(report.agreement),
        **trust_json(report.trust),
        "share": share_json(report.share),
        "metrics": list(METRIC_KEYS),
        "nights": [{"date": date, **_frozen(one)} for date, one in report.nights.items()],
        "ratings": [
            {
                "reply": reply.reply_id,
                "evaluator": None if reply.evaluator is None else reply.evaluator[metric],
                "operator": one.operator,
                "value": one.value,
                "blind": one.blind,
                "at": _time(one.at),
            }
            for reply in report.replies
            for one in reply.ratings[metric]
        ],
        "pairing": {
            "night": report.night,
            **change_json(report.change),
            "without": change_json(report.without),
            "changed": [
                {"pair": one.pair_id, "before": one.before, "after": one.after, "fate": one.fate}
                for one in report.change.pairs
                if one.fate != "kept"
            ],
        },
    }


def rules_json() -> dict[str, object]:
    """What turns agreement into weight, and the margin that a pair needs."""
    rules = TrustSettings()
    return {
        "few_reviews": rules.few_reviews,
        "window_reviews": rules.window_reviews,
        "window_days": rules.window.days,
        "prior": rules.prior,
        "full_kappa": rules.full_kappa,
        "margin": ProposalSettings().margin,
    }


def agreement_json(one: MetricAgreement) -> dict[str, object]:
    """A metric's figures, histories and drift."""
    return {
        "metric": one.metric,
        "evaluator_people": _sides(one.evaluator),
        "people_people": _sides(one.people),
        "blind": _sides(one.blind),
        "history": [_window(each) for each in one.history],
        "people_history": [_window(each) for each in one.people_history],
        "drift": _drift(one.drift),
        "people_drift": _drift(one.people_drift),
    }


def trust_json(trust: MetricTrust) -> dict[str, object]:
    """The weight a night beginning now would give, and how many reviews are missing for it to be
    more than the prior."""
    return {
        "weight": trust.weight,
        "kappa": estimate_json(trust.kappa),
        "reviews": trust.reviews,
        "reviews_missing": max(0, TrustSettings().few_reviews - trust.reviews),
    }


def share_json(share: MetricShare | None) -> dict[str, float] | None:
    """A metric's share of the reward; None where the night's settings leave it out."""
    if share is None:
        return None
    return {"weight": share.weight, "counted": share.counted, "share": share.share}


def change_json(change: PairingChange) -> dict[str, object]:
    """How many scored pairs would stay, fall under the margin, reverse."""
    return {
        "pairs": len(change.pairs),
        "kept": change.count("kept"),
        "under_margin": change.count("under_margin"),
        "reversed": change.count("reversed"),
    }


def _frozen(one: TrustRecord) -> dict[str, object]:
    return {"weight": one.weight, "kappa": one.kappa, "reviews": one.reviews}


def _sides(one: Agreement) -> dict[str, object]:
    return {
        "replies": one.replies,
        "ratings": one.ratings,
        "missing": one.missing,
        "kappa": estimate_json(one.kappa),
        "spearman": estimate_json(one.spearman),
        "alpha": estimate_json(one.alpha),
        "offset": estimate_json(one.offset),
        "gap": estimate_json(one.gap),
    }


def _window(one: WindowFigure) -> dict[str, object]:
    return {
        "since": _time(one.since),
        "until": _time(one.until),
        "replies": one.replies,
        "kappa": estimate_json(one.kappa),
        "spearman": estimate_json(one.spearman),
        "offset": estimate_json(one.offset),
    }


def _drift(one: Drift) -> dict[str, object]:
    return {
        "verdict": one.verdict,
        "before": estimate_json(one.before),
        "newest": estimate_json(one.newest),
        "p_value": one.p_value,
    }


def estimate_json(one: Estimate | None) -> dict[str, float] | None:
    """A figure with its interval."""
    return None if one is None else {"value": one.value, "low": one.low, "high": one.high}


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
