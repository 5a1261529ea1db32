"""The switch for data that came for evaluation only, and the mark on all that is fitted on them.

Whoever holds such data may measure any evaluator on them. Fitting on them needs the holder's word,
and then everything made says so: the manifest (`evaluation_only`), the evaluator's id, which stands
beside every score, in rewards, reports and in the manifest of an adapter, and the lines of commands.

An evaluator with the mark may be scored with, reported and be the night's gate, for all of these
evaluate. As the training evaluator it would hand on what it learnt to the adapters, which people
share: that is refused unless `night.evaluation_only_evaluator` says that the holder may do it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from persona.errors import DataError
from persona.importers.report import Licence
from rlaif.errors import EvaluatorError

MANIFEST_KEY = "evaluation_only"
SWITCH = "--fit-on-evaluation-only"
NIGHT_SETTING = "night.evaluation_only_evaluator"
_ID_SUFFIX = "-evaluation-only"


@dataclass(frozen=True, slots=True, kw_only=True)
class FitMark:
    """What must be said of a product. licences: those that allow evaluation only, by name, sorted;
    empty when everything it was fitted on may be trained on."""

    licences: tuple[str, ...] = ()

    def on_id(self, evaluator_id: str) -> str:
        """The id, ending with the mark if there is one; marking twice changes nothing."""
        if not self.licences or is_marked(evaluator_id):
            return evaluator_id
        return f"{evaluator_id}{_ID_SUFFIX}"

    def in_manifest(self) -> dict[str, object]:
        """What every manifest takes in, marked or not."""
        return {MANIFEST_KEY: list(self.licences)}

    def sentence(self) -> str:
        """What reports and commands print; empty without a mark."""
        if not self.licences:
            return ""
        return f"fitted on data for evaluation only ({'; '.join(self.licences)}): {_MAY_NOT}"


_MAY_NOT = "not to be handed on, nor used in training, unless the holder's licence allows it"


def require_fitting(licences: Iterable[Licence], *, allowed: bool = False) -> FitMark:
    """Return the mark of what is fitted on data of these licences, one licence a row.

    `allowed`: the holder gave the switch. Raises DataError naming the licence when a row came for
    evaluation only and they did not.
    """
    given = list(licences)
    barred = Counter(licence for licence in given if not licence.may_train)
    if barred and not allowed:
        licence = next(iter(barred))
        raise DataError(
            f"{barred.total()} of {len(given)} rows came under '{licence.name}', which allows "
            f"evaluation only; fit without them, or give {SWITCH} if you hold the right to. "
            f"{licence.notice}".rstrip()
        )
    return FitMark(licences=tuple(sorted({licence.name for licence in barred})))


def read_mark(manifest: Mapping[str, object]) -> FitMark:
    """The mark in a manifest; none where the key is missing, as in those of older versions, which
    could not be fitted on such data.

    Raises EvaluatorError when the key holds anything but names.
    """
    names = manifest.get(MANIFEST_KEY, [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise EvaluatorError(
            f"the manifest's {MANIFEST_KEY} is {names!r}; expected a list of licence names: "
            "fit the evaluator again"
        )
    return FitMark(licences=tuple(names))


def is_marked(evaluator_id: str) -> bool:
    """Whether an evaluator of this id was fitted on data for evaluation only."""
    return evaluator_id.endswith(_ID_SUFFIX)


def note_of_id(evaluator_id: str) -> str:
    """What is printed beside scores of an evaluator; empty without a mark."""
    if not is_marked(evaluator_id):
        return ""
    return f"{evaluator_id} was fitted on data for evaluation only: {_MAY_NOT}"


def require_for_training(evaluator_id: str, *, allowed: bool) -> None:
    """Pass when the evaluator may pick a night's pairs; `allowed` is the setting.

    Raises EvaluatorError naming the setting.
    """
    if is_marked(evaluator_id) and not allowed:
        raise EvaluatorError(
            f"{evaluator_id} was fitted on data for evaluation only and may not pick pairs; choose "
            f"another night.training_evaluator, fit again without {SWITCH}, or set {NIGHT_SETTING} "
            "= true if the licence of the data allows it"
        )
