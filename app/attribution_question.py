"""What an attribution beside the server is asked for; no model is imported here."""

from dataclasses import dataclass

from rlaif.attribution import Method
from rlaif.evaluator import Dialogue


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributionQuestion:
    """One reply, one metric, one method."""

    dialogue: Dialogue
    metric: str
    method: Method
