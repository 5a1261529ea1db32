"""What visitors chose between the version in production and the one before."""

from fastapi import APIRouter

from app.api_json import Json
from app.console.door import Reviewer
from app.console.parts import Console
from rlaif.duel import DuelResult, DuelSettings, Evidence, Vote, judge_votes
from store.adapters import active_adapter
from store.duels import count_asked, count_visitors_in, list_votes

_CURVE_POINTS = 120
_VALUES = {"newer": 1.0, "older": 0.0, "tie": 0.5}

router = APIRouter(prefix="/api/console")


@router.get("/duels")
def read_duels(console: Console, _: Reviewer) -> Json:
    """Every pair of versions that was compared, the newest pair first."""
    with console.database.reading() as session:
        asked = count_asked(session)
        votes = list_votes(session)
        active = active_adapter(session)
        visitors = count_visitors_in(session)
    pairs = []
    for newer, older in asked:
        cast = [
            Vote(visitor=one.visitor_id, value=_VALUES[one.verdict])
            for one in votes
            if (one.newer_adapter, one.older_adapter) == (newer, older)
        ]
        result = judge_votes(cast, DuelSettings())
        pair: Json = {"newer": newer, "older": older, "active": newer == active}
        pairs.append({**pair, "asked": asked[newer, older], **_result_json(result)})
    chat = console.settings.chat
    return {
        "pairs": pairs,
        "visitors": visitors,
        "settings": {
            "share": chat.duel_share,
            "days": chat.duel_days,
            "votes_per_visitor": DuelSettings().votes_per_visitor,
        },
    }


def _result_json(result: DuelResult) -> Json:
    return {
        "votes": result.votes,
        "counted": result.counted,
        "visitors": result.visitors,
        "for_newer": result.newer,
        "for_older": result.older,
        "ties": result.ties,
        "share": result.share,
        "low": result.low,
        "high": result.high,
        "bound": result.bound,
        "standing": result.standing,
        "decided_after": result.decided_after,
        "curve": [
            {"votes": one.votes, "newer": one.newer, "older": one.older}
            for one in _thinned(result.curve)
        ],
    }


def _thinned(curve: tuple[Evidence, ...]) -> list[Evidence]:
    """At most so many points as a picture shows, the last among them."""
    step = max(1, -(-len(curve) // _CURVE_POINTS))
    return list(curve[::-1][::step][::-1])
