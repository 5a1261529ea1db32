"""A language model behind an endpoint reads interviews and scores an aspect or a trait of each."""

import hashlib
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from persona.card import Card
from persona.durable import write_file
from rlaif.errors import EvaluatorError, VerdictError
from rlaif.evaluator import Unscored
from rlaif.interview_talk import Transcript
from rlaif.judge_answer import parse_figures
from rlaif.judge_client import AnswerShape, Draw, JudgeClient
from rlaif.judge_draws import first_verdict
from rlaif.judge_fence import reply_record
from rlaif.measurement_cache import digest
from rlaif.metrics import SCALE
from rlaif.persona_judge_rubrics import Rubric, rubrics

_DRAWS = (Draw(), Draw(temperature=0.7, seed=1), Draw(temperature=0.7, seed=2))
"""The first answer is drawn at 0; the others only when it does not parse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonaVerdict:
    """A score on the subject's own scale, the reason written before it, and how to ask again."""

    score: int
    reason: str
    nonce: str
    temperature: float
    seed: int


class PersonaJudge:
    """Scores transcripts; what was scored before is kept in `folder`."""

    def __init__(
        self,
        client: JudgeClient,
        card: Card,
        folder: Path,
        *,
        nonce: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self._client = client
        self._nonce = nonce
        self.rubrics = rubrics(card)
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"verdicts-{self.id.rsplit(':', 1)[1]}.json"
        self._known = _read(self._path)

    @property
    def id(self) -> str:
        """Model and hash of everything the judge is told: a changed rubric is another judge."""
        told = {
            name: [one.template.system, one.template.user] for name, one in self.rubrics.items()
        }
        model = self._client.settings.model
        content = json.dumps([model, told], ensure_ascii=False)
        return f"persona-judge:{model}:{hashlib.sha256(content.encode()).hexdigest()[:12]}"

    def judge(
        self,
        transcripts: Sequence[Transcript],
        report: Callable[[str, float], None],
    ) -> list[PersonaVerdict | Unscored]:
        """One verdict per transcript, in order; Unscored where no answer parsed.

        Raises EvaluatorError when the endpoint is silent, refuses or is out of budget; verdicts
        until then are kept, and another run goes on from there.
        """
        verdicts: list[PersonaVerdict | Unscored] = []
        for done, transcript in enumerate(transcripts, start=1):
            verdicts.append(self._judge(transcript))
            report("verdicts", done / len(transcripts))
        return verdicts

    def _judge(self, transcript: Transcript) -> PersonaVerdict | Unscored:
        rubric = self.rubrics.get(transcript.interview.subject)
        if rubric is None:
            raise EvaluatorError(
                f"interviews about {transcript.interview.subject!r} have no rubric; expected one "
                f"of {', '.join(self.rubrics)}"
            )
        if not any(one.said for one in transcript.answers):
            return Unscored(reason="every answer is blank")
        record = reply_record(transcript.dialogue())
        key = digest(transcript.interview.subject, record)
        if key not in self._known:
            try:
                self._known[key] = self._ask(rubric, record)
            except VerdictError as error:
                return Unscored(reason=str(error))
            _write(self._path, self._known)
        return self._known[key]

    def _ask(self, rubric: Rubric, record: str) -> PersonaVerdict:
        nonce, form = self._nonce(), rubric.form
        figures, draw = first_verdict(
            self._client,
            rubric.template.fill(nonce, record),
            AnswerShape(schema=form.schema, max_tokens=form.max_tokens),
            lambda answer: parse_figures(answer, form),
            _DRAWS,
        )
        (points,) = figures.values.values()
        share = (points - SCALE[0]) / (SCALE[1] - SCALE[0])
        return PersonaVerdict(
            score=round(form.low + share * (form.high - form.low)),
            reason=figures.reason,
            nonce=nonce,
            temperature=draw.temperature,
            seed=draw.seed,
        )


def _write(path: Path, known: dict[str, PersonaVerdict]) -> None:
    content = {
        key: [one.score, one.reason, one.nonce, one.temperature, one.seed]
        for key, one in known.items()
    }
    write_file(path, json.dumps(content, ensure_ascii=False).encode())


def _read(path: Path) -> dict[str, PersonaVerdict]:
    """A file that cannot be read counts as empty: it only saves work."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {
            key: PersonaVerdict(
                score=int(score),
                reason=str(reason),
                nonce=str(nonce),
                temperature=float(temperature),
                seed=int(seed),
            )
            for key, (score, reason, nonce, temperature, seed) in content.items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
