"""JTransformer-Eval: talks between a person and a Japanese chat system, rated on 12 impressions.

The set is not public, and neither is the layout of its files: the one below is declared here, and
whoever holds the set brings theirs into it by renaming columns. It is a CSV or TSV with a header, a
JSON array or JSON lines, in UTF-8, with one row per session and rater:

- the twelve impressions, each from 0 to 10, by their English names in any case (Agency,
  Attentiveness, Consistency, Ease, Empathetic, Emotion, Enjoyability, Humanness, Personality,
  Respeak, Topic, Trust) or by the Japanese ones of `IMPRESSIONS`; all must be there;
- `utterances`: the list of turns in order, [speaker, text] or {"speaker": …, "text": …}, in a table
  as JSON; a speaker is user, U, ユーザ, ユーザー or system, S, システム, bot;
- `session` (or session_id, dialogue_id): rows of one session share it; left out, each row is one;
- `system` (or system_name, model) and `rater` (or rater_id, worker, worker_id), which may be left
  out: without them no split by system or rater can be made.

A missing or unknown column ends the import. A row with a figure that is no number from 0 to 10 is
refused by itself, and told with its column. The user rated, so the system is the assistant. The
paper counts 1,600 sessions; another number is told and not refused. The set came for evaluation:
fitting on it needs the holder's switch, and marks what was fitted.

Source of the impressions and of the count: RLAIF for dialogue impressions (NLP2025).
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from persona.importers.rated_fields import (
    IMPRESSIONS,
    UnusableRowError,
    keep_rows,
    name_of,
    rename,
    require_fields,
    score_of,
    turns_of,
)
from persona.importers.report import (
    ImportedRow,
    ImportReport,
    Licence,
    Rating,
    RowCollector,
    as_spoken,
)

LICENCE = Licence(
    name="JTransformer-Eval, not public",
    may_train=False,
    notice="For evaluation only and not handed on; who gave it to you knows what else is allowed.",
)
EXPECTED_SESSIONS = 1600

_ALIASES = {
    **{key: key for key in IMPRESSIONS},
    **{japanese: key for key, japanese in IMPRESSIONS.items()},
    "utterances": "utterances",
    **dict.fromkeys(("session", "session_id", "dialogue_id"), "session"),
    **dict.fromkeys(("system", "system_name", "model"), "system"),
    **dict.fromkeys(("rater", "rater_id", "worker", "worker_id"), "rater"),
}
_ROLES = {
    **dict.fromkeys(("user", "u", "ユーザ", "ユーザー"), "user"),
    **dict.fromkeys(("system", "s", "システム", "bot"), "assistant"),
}


def import_jtransformer_eval(path: Path) -> ImportReport:
    """Read the declared layout. Raises DataError naming the row and the column."""
    out = RowCollector(format="jtransformer-eval", path=path, licence=LICENCE)
    seen: set[tuple[str, str]] = set()
    keep_rows(out, lambda item, where: _row(item, where, seen))
    report = out.report()
    sessions = len({row.group for row in report.rows})
    if sessions == EXPECTED_SESSIONS:
        return report
    note = f"{sessions:,} sessions were kept; the paper counts {EXPECTED_SESSIONS:,}"
    return replace(report, notes=(note,))


def _row(item: Mapping[str, object], where: str, seen: set[tuple[str, str]]) -> ImportedRow:
    record = rename(item, _ALIASES, where)
    require_fields(record, ("utterances", *IMPRESSIONS), where)
    spoken = as_spoken(turns_of(record, "utterances", ("speaker", "text"), _ROLES), "assistant")
    session, rater = name_of(record, "session") or where, name_of(record, "rater")
    scores = tuple((key, score_of(key, record[key])) for key in IMPRESSIONS)
    if rater and (session, rater) in seen:
        raise UnusableRowError("the same rater rated the session before", rater)
    seen.add((session, rater))
    return ImportedRow(
        id=where,
        messages=spoken.messages,
        licence=LICENCE,
        speaker=name_of(record, "system") or None,
        ratings=(Rating(rater=rater, scores=scores),),
        opening=spoken.opening,
        closing=spoken.closing,
        group=session,
    )
