"""`yogeiko night review`: what an operator thinks of a reply, by command."""

from pathlib import Path

import click

from app.clock import utc_now
from app.commands.options import home_option
from app.settings import load_settings
from rlaif.metrics import METRIC_KEYS
from store.database import open_database
from store.night_records import NewReview
from store.reviews import append_reviews


@click.command("review")
@click.argument("reply")
@click.option(
    "--rate",
    type=(click.Choice(METRIC_KEYS), click.FloatRange(0, 10)),
    multiple=True,
    metavar="METRIC VALUE",
    help="An impression from 0 to 10; may be given several times.",
)
@click.option("--edit", help="What she should have said; it beats the reply in the next night.")
@click.option("--wrong", help="Words of the reply that are not true; a gate probe from tonight on.")
@click.option("--as", "operator", default="command line", show_default=True, help="Who says so.")
@home_option
def review(
    reply: str,
    rate: tuple[tuple[str, float], ...],
    edit: str | None,
    wrong: str | None,
    operator: str,
    home: Path | None,
) -> None:
    """Rate, correct or contradict a reply (REPLY, its id). Reviews are kept and never changed."""
    reviews = [
        NewReview(operator=operator, kind="metric", reply_id=reply, metric=metric, value=value)
        for metric, value in rate
    ]
    if edit is not None:
        reviews.append(NewReview(operator=operator, kind="edit", reply_id=reply, text=edit))
    if wrong is not None:
        reviews.append(
            NewReview(operator=operator, kind="contradiction", reply_id=reply, text=wrong)
        )
    if not reviews:
        raise click.UsageError("nothing is said of the reply; give --rate, --edit or --wrong")
    database = open_database(load_settings(home).database_url)
    with database.session() as session:
        append_reviews(session, reviews, now=utc_now())
    click.echo(f"{len(reviews)} reviews kept")
