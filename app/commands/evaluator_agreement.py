"""`yogeiko evaluator agreement`: the evaluator beside the operators, metric by metric."""

from pathlib import Path

import click

from app.agreement import AgreementReport, agreement_report, night_judge
from app.agreement_json import report_json
from app.clock import utc_now
from app.commands.options import home_option, json_option, print_json
from app.composition import chosen_card
from app.night_models import NightModels
from app.pair_agreement import SheetJudge, has_sheet_ratings, pair_report, pairs_json
from app.settings import Settings, load_settings
from persona.estimates import Estimate
from rlaif.agreement import MetricAgreement
from rlaif.measurement_cache import MeasurementCache
from rlaif.trust import MetricTrust, TrustSettings
from store.database import Database, open_database

_WIDTH = 27


@click.command("agreement")
@click.option("--evaluator", help="Id of an evaluator. [default: the one that picks pairs]")
@click.option(
    "--pairs", is_flag=True, help="Which of two replies is better, instead of metric by metric."
)
@home_option
@json_option
def agreement(evaluator: str | None, pairs: bool, home: Path | None, as_json: bool) -> None:
    """How far the evaluator agrees with the operators, beside how far they agree themselves.

    Weighted kappa: 1 is the same, 0 no better than chance, below 0 the reverse. In brackets the
    95 % interval and the replies behind it. With --pairs: the share of pairs in which both prefer
    the same reply, half of them by chance.
    """
    settings = load_settings(home)
    database = open_database(settings.database_url)
    judge = night_judge(settings, database, evaluator)
    if pairs:
        _tell_pairs(settings, database, judge.id, as_json)
        return
    report = agreement_report(settings, database, judge, utc_now())
    if as_json:
        print_json(report_json(report))
        return
    click.echo(f"evaluator {report.judge.id}")
    click.echo(
        f"{'metric':<14} {'evaluator and people':<{_WIDTH}} {'people':<{_WIDTH}} "
        f"{'offset':>6} {'weight':>6}  note"
    )
    for key, one in report.metrics.items():
        click.echo(_line(one, report.trust[key]))
    click.echo(_pairing(report))


def _line(one: MetricAgreement, trust: MetricTrust) -> str:
    offset = one.evaluator.offset
    return (
        f"{one.metric:<14} {_figure(one.evaluator.kappa, one.evaluator.replies):<{_WIDTH}} "
        f"{_figure(one.people.kappa, one.people.replies):<{_WIDTH}} "
        f"{'-' if offset is None else f'{offset.value:+.1f}':>6} {trust.weight:>6.2f}  "
        f"{_note(one, trust)}"
    ).rstrip()


def _figure(one: Estimate | None, replies: int) -> str:
    if one is None:
        return f"- ({replies})"
    return f"{one.value:+.2f} [{one.low:+.2f}, {one.high:+.2f}] ({replies})"


def _note(one: MetricAgreement, trust: MetricTrust) -> str:
    notes = []
    missing = TrustSettings().few_reviews - trust.reviews
    if missing > 0:
        notes.append(f"{missing} more reviews until it counts")
    if one.drift.verdict == "fallen":
        notes.append("agreement has fallen")
    if one.people_drift.verdict == "fallen":
        notes.append("people agree less than before")
    return "; ".join(notes)


def _pairing(report: AgreementReport) -> str:
    if report.night is None:
        return "no night has made pairs of scores yet"
    change = report.change
    return (
        f"night {report.night}: of {len(change.pairs)} pairs made of scores, with today's weights "
        f"{change.count('reversed')} would be the other way round and "
        f"{change.count('under_margin')} fall under the margin"
    )


def _tell_pairs(settings: Settings, database: Database, evaluator: str, as_json: bool) -> None:
    report = pair_report(database, evaluator, _sheet_judge(settings, database, evaluator))
    if as_json:
        print_json(pairs_json(report))
        return
    click.echo(f"evaluator {report.evaluator}, a lead of {report.margin:g} or less is a tie")
    width = 30
    click.echo(
        f"{'source':<8} {'sides':<20} {'both prefer one':<{width}} {'ties count':<{width}} note"
    )
    for one in report.sources:
        note = f"{one.unjudged} without a verdict of the evaluator" if one.unjudged else ""
        for sides, shares in (("evaluator and people", one.judge), ("people", one.people)):
            click.echo(
                f"{one.source:<8} {sides:<20} "
                f"{_share(shares.decided, shares.compared - shares.ties):<{width}} "
                f"{_share(shares.strict, shares.compared):<{width}} {note}".rstrip()
            )
            note = ""
    click.echo(
        "in the inbox people see which reply is proposed, and where the evaluator proposed it that "
        "draws them towards it; sheets and duels are blind"
    )


def _share(one: Estimate | None, compared: int) -> str:
    if one is None:
        return f"- ({compared})"
    return f"{one.value:.0%} [{one.low:.0%}, {one.high:.0%}] ({compared})"


def _sheet_judge(settings: Settings, database: Database, evaluator: str) -> SheetJudge | None:
    """The evaluator itself, loaded only where sheets were rated; None when it is not one of the
    night's."""
    if not has_sheet_ratings(database):
        return None
    models = NightModels(settings, chosen_card(settings))
    for made in (models.training_evaluator, models.gate_evaluator):
        found = made()
        if found.id == evaluator:
            return SheetJudge(
                evaluator=found,
                cache=MeasurementCache(settings.measurements_folder, "sheets", "sheets"),
                report=lambda done, total: click.echo(f"scores {done} of {total}", err=True),
            )
    click.echo(
        f"the evaluator {evaluator} is none of the night's, so it cannot read the sheets", err=True
    )
    return None
