"""Looks for personal data in what was said, a little every minute, so that it can be filtered."""

from persona.engine import Message
from rlaif.personal_data import mask_turns
from store.database import Database
from store.personal_marks import UnreadReply, list_unread, mark_personal

_AT_ONCE = 100
_A_MINUTE = 1_000


class PersonalChore:
    """Fills in whether a reply, or what it answers, holds personal data; the newest first."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def look(self) -> None:
        """Look at the next replies, at most a minute's share."""
        for _ in range(_A_MINUTE // _AT_ONCE):
            with self._database.reading() as session:
                unread = list_unread(session, _AT_ONCE)
            if not unread:
                return
            found = {reply.id: _holds_personal_data(reply) for reply in unread}
            with self._database.session() as session:
                mark_personal(session, found)


def _holds_personal_data(reply: UnreadReply) -> bool:
    turns = (
        Message(role="user", content=reply.user_text),
        Message(role="assistant", content=reply.text),
    )
    return bool(mask_turns(turns).kinds)
