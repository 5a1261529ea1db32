"""What the console's routes work with."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated

from fastapi import Depends, Request

from app.agreement_memory import AgreementMemory
from app.attribution_jobs import AttributionJobs, attribution_process
from app.chat_service import ChatService
from app.clock import utc_now
from app.console.login_cookies import LoginCookies
from app.console.sheet_maker import SheetMaker
from app.export_jobs import ExportJobs
from app.messages import Language, choose_language
from app.night_service import NightService
from app.rate_limit import RateLimiter
from app.rehearsal_service import RehearsalService, rehearsal_settings
from app.replay_jobs import ReplayJobs
from app.score_answer import score_apart
from app.settings import Settings
from store.database import Database

# Half of ten: a bucket that refills lets twice its size through in one span.
_LOGIN_TRIES, _LOGIN_SECONDS = 5, 15 * 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleParts:
    """The server's own parts; `night` None: this server rehearses nothing. `tries`: of logins."""

    settings: Settings
    chat: ChatService
    night: NightService | None
    cookies: LoginCookies
    tries: RateLimiter
    replays: ReplayJobs
    exports: ExportJobs
    rehearsal: RehearsalService
    sheets: SheetMaker
    agreement: AgreementMemory
    attributions: AttributionJobs
    now: Callable[[], datetime] = utc_now

    @property
    def database(self) -> Database:
        """The store of the chat."""
        return self.chat.database

    def start(self) -> None:
        """Take up what an earlier server left undone. The chat has been started."""
        self.exports.tidy()
        self.sheets.open()

    def close(self) -> None:
        """End every job; before the night and the chat are closed."""
        self.rehearsal.close()
        self.exports.close()
        self.replays.close()
        self.attributions.close()
        self.sheets.close()


def build_console(
    settings: Settings, chat: ChatService, night: NightService | None, key: str
) -> ConsoleParts:
    """Return the console's parts over a chat; `key` signs its cookies."""
    return ConsoleParts(
        settings=settings,
        chat=chat,
        night=night,
        cookies=LoginCookies(key),
        tries=RateLimiter(times=_LOGIN_TRIES, seconds=_LOGIN_SECONDS),
        replays=ReplayJobs(chat, partial(score_apart, settings)),
        exports=ExportJobs(settings),
        rehearsal=RehearsalService(rehearsal_settings(settings)),
        sheets=SheetMaker(chat, utc_now),
        agreement=AgreementMemory(),
        attributions=AttributionJobs(attribution_process(settings)),
    )


def console_parts(request: Request) -> ConsoleParts:
    """Return the parts of this server."""
    parts = request.app.state.console
    if not isinstance(parts, ConsoleParts):
        raise TypeError("the server has no console")
    return parts


def language(request: Request) -> Language:
    """Return the language of the answers."""
    return choose_language(request.query_params, request.headers)


Console = Annotated[ConsoleParts, Depends(console_parts)]
Spoken = Annotated[Language, Depends(language)]
