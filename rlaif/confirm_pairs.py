"""A second look at the pairs that only scores speak for: a judge compares the two replies."""

import logging
from collections.abc import Sequence

from rlaif.errors import EvaluatorError, JudgeBudgetError
from rlaif.evaluator import Comparison, Dialogue, PairJudge, Preferred, Unscored
from rlaif.judge_record import keep_asked
from rlaif.night_work import NightWork
from rlaif.pairs import Pairing
from rlaif.preference import Drop, Preference
from store.comparisons import append_comparison, load_comparisons
from store.night_records import ComparisonVerdict, StoredComparison

_REASONS: dict[ComparisonVerdict, str] = {
    "tie": "tie",
    "rejected": "reversed",
    "none": "unconfirmed",
}
_BY_SIDE: dict[Preferred, ComparisonVerdict] = {"a": "chosen", "b": "rejected", "tie": "tie"}

logger = logging.getLogger(__name__)


def confirm_pairs(work: NightWork, pairing: Pairing, judge: PairJudge) -> Pairing:
    """Leave the scored pairs whose chosen reply the judge prefers in both orders.

    Dropped: `tie` where it does not, `reversed` where it prefers the other one, `unconfirmed`
    where it gave no answer. Every verdict is kept, so that it is paid for once. Raises
    EvaluatorError when the judge cannot be asked at all, LeaseError, NightEnds.
    """
    verdicts = _verdicts(work, [pair for pair in pairing.pairs if pair.source == "score"], judge)
    kept: list[Preference] = []
    drops: list[Drop] = []
    for pair in pairing.pairs:
        verdict = verdicts.get(_key(pair), "none")
        if pair.source != "score" or verdict == "chosen":
            kept.append(pair)
        else:
            drops.append(Drop(turn_id=pair.turn_id, reason=_REASONS[verdict]))
    return Pairing(pairs=tuple(kept), drops=(*pairing.drops, *drops), conflicts=pairing.conflicts)


def _verdicts(
    work: NightWork, pairs: Sequence[Preference], judge: PairJudge
) -> dict[tuple[str, str], ComparisonVerdict]:
    with work.database.reading() as session:
        found = load_comparisons(session, [pair.turn_id for pair in pairs], judge.id)
    for done, pair in enumerate(pairs, start=1):
        if _key(pair) in found:
            continue
        try:
            answer = _ask(judge, pair)
        except EvaluatorError as error:
            if not found and not isinstance(error, JudgeBudgetError):
                raise
            logger.warning("The judge compares no more pairs: %s", error)
            break
        given = answer if isinstance(answer, Comparison) else None
        verdict: ComparisonVerdict = "none" if given is None else _BY_SIDE[given.preferred]
        found[_key(pair)] = verdict
        now = work.now()
        with work.writing() as session:
            comparison = StoredComparison(
                evaluator=judge.id,
                turn_id=pair.turn_id,
                chosen_id=pair.chosen_id,
                rejected_id=pair.rejected_id,
                verdict=verdict,
                asked=keep_asked(session, None if given is None else given.asked, now=now),
            )
            append_comparison(session, work.claim, comparison, now=now)
        work.progress(done, len(pairs))
    return found


def _ask(judge: PairJudge, pair: Preference) -> Comparison | Unscored:
    context = Dialogue(turns=pair.turns, reply=pair.chosen, facts=pair.facts)
    return judge.compare(context, pair.chosen, pair.rejected)


def _key(pair: Preference) -> tuple[str, str]:
    return pair.chosen_id, pair.rejected_id
