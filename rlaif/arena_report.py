"""An arena as JSON and Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from persona.estimates import Estimate
from rlaif.arena import Arena, ArenaSettings, Contestant, Played
from rlaif.arena_judges import Verdict
from rlaif.arena_ratings import START_RATING, Rating
from rlaif.arena_statistics import ArenaFigures, Meeting


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One judge's part. `warnings`: sentences that belong beside its figures."""

    name: str
    arena: Arena
    figures: ArenaFigures
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArenaReport:
    """Everything that is written of an arena. `source`: where the situations come from."""

    persona: str
    source: str
    situations: tuple[str, ...]
    contestants: tuple[Contestant, ...]
    settings: ArenaSettings
    judged: tuple[Judged, ...]


def arena_json(report: ArenaReport, *, with_bouts: bool = False) -> dict[str, object]:
    """The report as JSON values; replies and verdicts are long and left out unless wanted."""
    return {
        "persona": report.persona,
        "source": report.source,
        "situations": list(report.situations),
        "versions": [
            {"label": one.label, "adapter": one.adapter, "id": one.id} for one in report.contestants
        ],
        "settings": asdict(report.settings),
        "judges": [_judged_json(one, with_bouts) for one in report.judged],
    }


def arena_markdown(report: ArenaReport) -> str:
    """Versions, then for each judge ratings, win table, orders and what may be concluded."""
    sampling = report.settings.sampling
    lines = [
        f"# Arena of {report.persona}",
        "",
        f"{len(report.situations)} situations from {report.source}; replies drawn as in the chat "
        f"(temperature {sampling.temperature:g}), one seed a round for all versions.",
        "",
        _row(["version", "adapter"]),
        _row(["---"] * 2),
        *(_row([one.label, one.adapter or "none"]) for one in report.contestants),
    ]
    for one in report.judged:
        lines += ["", *_judged_lines(one, report.settings)]
    return "\n".join([*lines, ""])


def _judged_lines(judged: Judged, settings: ArenaSettings) -> list[str]:
    arena, figures = judged.arena, judged.figures
    lines = [f"## Judge: {judged.name}", "", f"`{arena.judge}`, {arena.rounds} rounds.", ""]
    lines += [f"**{text}**\n" for text in judged.warnings]
    for name in arena.one_sided:
        word = "won" if arena.ratings[name].rating > START_RATING else "lost"
        lines += [
            f"**{name} {word} every bout: it is the {'better' if word == 'won' else 'worse'} one, "
            "but no number of bouts tells by how much.**\n"
        ]
    if not arena.settled and not arena.one_sided:
        lines += [
            f"**After {arena.rounds} rounds some deviation is still above "
            f"{settings.target_deviation:g}.**\n"
        ]
    head = ["version", "rating", "± 2 RD", "RD", "situations redrawn", "points", "bouts"]
    lines += [_row(head), _row(["---"] * len(head))]
    ranked = sorted(arena.ratings.items(), key=lambda item: -item[1].rating)
    lines += [_rating_row(name, rating, figures) for name, rating in ranked]
    head = ["first", "second", "won", "tied", "lost", "unscored", "points of the first", "clear"]
    lines += ["", _row(head), _row(["---"] * len(head))]
    lines += [_meeting_row(one) for one in figures.meetings]
    return [*lines, "", *_notes(judged)]


def _rating_row(name: str, rating: Rating, figures: ArenaFigures) -> str:
    redrawn = figures.redrawn[name]
    return _row(
        [
            name,
            f"{rating.rating:.0f}",
            f"{rating.low:.0f} to {rating.high:.0f}",
            f"{rating.deviation:.0f}",
            "–" if redrawn is None else f"{redrawn[0]:.0f} to {redrawn[1]:.0f}",
            _share(figures.points[name]),
            str(rating.games),
        ]
    )


def _meeting_row(one: Meeting) -> str:
    counts = [str(count) for count in (one.won, one.tied, one.lost, one.unscored)]
    return _row([one.first, one.second, *counts, _share(one.share), "yes" if one.clear else "no"])


def _notes(judged: Judged) -> list[str]:
    arena, figures = judged.arena, judged.figures
    gap = max(one.order_gap for one in arena.ratings.values())
    notes = [
        "- Rating periods hold about a dozen bouts of each version; a rating is the mean over "
        f"rotations of their order, which lie up to {gap:.0f} points apart.",
        "- RD takes every bout for independent and decided; the interval over redrawn situations "
        "takes situations as they came. Believe the wider of the two.",
    ]
    if figures.orders.flipped is None:
        notes.append("- This judge scores each reply by itself: there is no order to depend on.")
    else:
        notes.append(
            f"- Verdicts that changed with the order, counted as ties: "
            f"{_share(figures.orders.flipped)}; the reply shown first preferred: "
            f"{_share(figures.orders.first_preferred)} (50 % without bias)."
        )
    notes.append(f"- Bouts in which both versions said the same text: {figures.same}.")
    notes += [f"- Not decided: {count}, {why}." for why, count in figures.unscored.items()]
    return notes


def _judged_json(judged: Judged, with_bouts: bool) -> dict[str, object]:
    arena, figures = judged.arena, judged.figures
    content: dict[str, object] = {
        "name": judged.name,
        "judge": arena.judge,
        "warnings": list(judged.warnings),
        "rounds": arena.rounds,
        "settled": arena.settled,
        "one_sided": list(arena.one_sided),
        "ratings": {
            name: {
                **asdict(one),
                "low": one.low,
                "high": one.high,
                "redrawn": figures.redrawn[name],
                "points": _estimate(figures.points[name]),
            }
            for name, one in arena.ratings.items()
        },
        "meetings": [
            {**asdict(one), "share": _estimate(one.share), "clear": one.clear}
            for one in figures.meetings
        ],
        "orders": {
            "flipped": _estimate(figures.orders.flipped),
            "first_preferred": _estimate(figures.orders.first_preferred),
        },
        "same_text": figures.same,
        "unscored": dict(figures.unscored),
    }
    if with_bouts:
        content["bouts"] = [_bout_json(one) for one in arena.played]
    return content


def _bout_json(played: Played) -> dict[str, object]:
    bout, verdict = played.bout, played.verdict
    return {
        "situation": bout.situation,
        "round": bout.round,
        "first": {"version": bout.first, "reply": bout.first_reply},
        "second": {"version": bout.second, "reply": bout.second_reply},
        "verdict": asdict(verdict) if isinstance(verdict, Verdict) else None,
        "unscored": None if isinstance(verdict, Verdict) else verdict.reason,
    }


def _estimate(one: Estimate | None) -> Mapping[str, float] | None:
    return None if one is None else asdict(one)


def _share(one: Estimate | None) -> str:
    if one is None:
        return "–"
    return f"{100 * one.value:.0f} % [{100 * one.low:.0f}, {100 * one.high:.0f}]"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
