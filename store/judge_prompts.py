"""What judges were told, kept once per text, so that every verdict can be asked for again.

A prompt holds no visitor's words: those come from the reply, as long as it is there.
"""

from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from store.night_tables import JudgePromptRow


def ensure_prompt(session: Session, sha256: str, document: str, *, now: datetime) -> bool:
    """Keep a prompt under its sha256; False when it is there."""
    if session.get(JudgePromptRow, sha256) is not None:
        return False
    try:
        with session.begin_nested():
            session.add(JudgePromptRow(sha256=sha256, document=document, at=now))
    except IntegrityError:  # another process kept the same prompt at this moment
        return False
    return True


def load_prompt(session: Session, sha256: str) -> str | None:
    """Return the prompt with this sha256, None when there is none."""
    row = session.get(JudgePromptRow, sha256)
    return None if row is None else row.document
