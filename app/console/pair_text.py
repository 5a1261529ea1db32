"""Which texts an operator may put into a pair: what is taught is checked like what is said."""

from app.console.errors import ConsoleError
from app.text_rules import clean_text
from persona.engine import Message
from persona.safety import check_reply
from rlaif.personal_data import LABELS, mask, mask_turns
from rlaif.rarity import letters
from store.night_records import StoredPair

MAX_REPLY_CHARS = 600


def taught_text(pair: StoredPair, text: str) -> str:
    """Return the text as it may be taught in this pair. Raises ConsoleError.

    A number of a person is refused, not masked: a masked reply would teach her to say the mask.
    """
    clean = clean_text(text).strip()
    if not letters(clean):
        raise ConsoleError("pair_text_empty")
    if len(clean) > MAX_REPLY_CHARS:
        raise ConsoleError("pair_text_long", length=len(clean), most=MAX_REPLY_CHARS)
    if clean in (pair.chosen.strip(), pair.rejected.strip()):
        raise ConsoleError("pair_text_same", status=409)
    if check_reply(clean).flagged:
        raise ConsoleError("pair_text_unsafe")
    turns = tuple(Message(role=role, content=content) for role, content in pair.turns)
    found = mask(clean, fragments=mask_turns(turns).fragments).kinds
    if found:
        raise ConsoleError(
            "pair_text_personal", found="".join(LABELS[kind] for kind in sorted(found))
        )
    return clean
