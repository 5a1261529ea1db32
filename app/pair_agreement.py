"""Which choices of people there are, and what an evaluator says of the same pairs of replies."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations

from persona.engine import Message
from persona.estimates import Estimate
from rlaif.arena_judges import DEFAULT_MARGIN
from rlaif.cached_verdicts import cached_verdicts
from rlaif.evaluator import Assessment, Dialogue, Evaluator, Preferred
from rlaif.measurement_cache import MeasurementCache
from rlaif.pair_agreement import Choice, ChoiceSource, PairAgreement, PairShares, pair_agreement
from store.comparisons import comparisons_of
from store.database import Database
from store.human_choices import HumanChoice, duel_choices, inbox_choices
from store.night_records import Scored
from store.scores import load_scores
from store.sheets import Sheet, SheetItem, SheetRating, list_items, list_ratings, list_sheets


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetJudge:
    """The evaluator that reads the sheets' replies, which no night has scored, and where its
    verdicts are kept."""

    evaluator: Evaluator
    cache: MeasurementCache
    report: Callable[[int, int], None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PairReport:
    """One evaluator against people, source by source. `margin`: a smaller lead is its tie."""

    evaluator: str
    margin: float
    sources: tuple[PairAgreement, ...]


def has_sheet_ratings(database: Database) -> bool:
    """Whether anybody has rated a sheet, so that an evaluator is worth loading."""
    with database.reading() as session:
        return any(list_ratings(session, sheet.id) for sheet in list_sheets(session))


def pair_report(
    database: Database,
    evaluator: str,
    sheets: SheetJudge | None = None,
    margin: float = DEFAULT_MARGIN,
) -> PairReport:
    """The evaluator's preferences, by its stored scores and comparisons, beside people's.

    Without `sheets` the questions on sheets stay unjudged. Raises EvaluatorError as the evaluator
    does.
    """
    with database.reading() as session:
        by_source: dict[ChoiceSource, list[HumanChoice]] = {
            "inbox": inbox_choices(session),
            "duels": duel_choices(session),
        }
        replies = {
            one
            for found in by_source.values()
            for each in found
            for one in (each.first, each.second)
        }
        scores = load_scores(session, sorted(replies), evaluator)
        compared = comparisons_of(session, evaluator)
    stored = [
        pair_agreement(
            source,
            [_choice(one) for one in found],
            _stored_preferences(found, scores, compared, margin),
        )
        for source, found in by_source.items()
    ]
    return PairReport(
        evaluator=evaluator,
        margin=margin,
        sources=(_sheet_agreement(database, sheets, margin), *stored),
    )


def _choice(one: HumanChoice) -> Choice:
    return Choice(item=_question(one), cluster=one.cluster, person=one.person, preferred=one.chosen)


def _question(one: HumanChoice) -> str:
    return f"{one.first} {one.second}"


def _stored_preferences(
    choices: Sequence[HumanChoice],
    scores: Mapping[str, Scored],
    compared: Mapping[tuple[str, str], Preferred],
    margin: float,
) -> dict[str, Preferred]:
    """What the evaluator said when it compared the two, else by their scores."""
    found: dict[str, Preferred] = {}
    for one in choices:
        direct = compared.get((one.first, one.second))
        if direct is not None:
            found[_question(one)] = direct
        elif one.first in scores and one.second in scores:
            lead = _mean(scores[one.first].values) - _mean(scores[one.second].values)
            found[_question(one)] = _preferred(lead, margin)
    return found


def _sheet_agreement(database: Database, judge: SheetJudge | None, margin: float) -> PairAgreement:
    choices: list[Choice] = []
    asked: dict[str, tuple[str, Dialogue, Dialogue]] = {}
    with database.reading() as session:
        for sheet in list_sheets(session):
            items = {one.number: one for one in list_items(session, sheet.id)}
            for rating in list_ratings(session, sheet.id):
                item = items[rating.number]
                choices += _sheet_choices(sheet, item, rating)
                asked |= _sheet_questions(sheet, item)
    judged = {} if judge is None or not choices else _live_preferences(judge, asked, margin)
    return pair_agreement("sheets", choices, judged)


def _sheet_choices(sheet: Sheet, item: SheetItem, rating: SheetRating) -> list[Choice]:
    return [
        Choice(
            item=_sheet_question(item, first, second),
            cluster=item.prompt,
            person=rating.operator,
            # 1 is best.
            preferred=_preferred(float(rating.ranks[second] - rating.ranks[first]), 0.0),
        )
        for first, second in combinations(sheet.versions, 2)
    ]


def _sheet_questions(sheet: Sheet, item: SheetItem) -> dict[str, tuple[str, Dialogue, Dialogue]]:
    """Question -> its metric and the two replies where they were said."""
    turns = tuple(
        Message(role="assistant" if at % 2 else "user", content=text)
        for at, text in enumerate((*item.history, item.question))
    )
    said = {
        version: Dialogue(turns=turns, reply=reply, facts=item.facts)
        for version, reply in item.replies.items()
    }
    return {
        _sheet_question(item, first, second): (item.metric, said[first], said[second])
        for first, second in combinations(sheet.versions, 2)
    }


def _sheet_question(item: SheetItem, first: str, second: str) -> str:
    return f"{item.sheet_id} {item.number} {first} {second}"


def _live_preferences(
    judge: SheetJudge, asked: Mapping[str, tuple[str, Dialogue, Dialogue]], margin: float
) -> dict[str, Preferred]:
    """By the scores on the metric that people were asked about."""
    dialogues = list(dict.fromkeys(one for _, *both in asked.values() for one in both))
    verdicts = cached_verdicts(judge.evaluator, dialogues, judge.cache, judge.report)
    known = {
        dialogue: verdict.values
        for dialogue, verdict in zip(dialogues, verdicts, strict=True)
        if isinstance(verdict, Assessment)
    }
    return {
        question: _preferred(known[first][metric] - known[second][metric], margin)
        for question, (metric, first, second) in asked.items()
        if first in known and second in known
    }


def _preferred(lead: float, margin: float) -> Preferred:
    if abs(lead) <= margin:
        return "tie"
    return "a" if lead > 0 else "b"


def _mean(values: Mapping[str, float]) -> float:
    return sum(values.values()) / len(values)


def pairs_json(report: PairReport) -> dict[str, object]:
    """The report as JSON values."""
    return {
        "evaluator": report.evaluator,
        "margin": report.margin,
        "sources": [
            {
                "source": one.source,
                "judge_people": _shares_json(one.judge),
                "people_people": _shares_json(one.people),
                "unjudged": one.unjudged,
            }
            for one in report.sources
        ],
    }


def _shares_json(one: PairShares) -> dict[str, object]:
    return {
        "questions": one.questions,
        "compared": one.compared,
        "ties": one.ties,
        "decided": _estimate(one.decided),
        "strict": _estimate(one.strict),
    }


def _estimate(one: Estimate | None) -> Mapping[str, float] | None:
    return None if one is None else asdict(one)
