"""What the console's routes work with."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request

from app.agreement_memory import AgreementMemory
from app.chat_service import ChatService
from app.clock import utc_now
from app.console.login_cookies import LoginCookies
from app.console.sheet_maker import SheetMaker
from app.export_jobs import ExportJobs
from app.messages import Language, choose_language
from app.night_service import NightService
from app.rate_limit import RateLimiter
from app.rehearsal_service import RehearsalService
from app.replay_jobs import ReplayJobs
from app.settings import Settings
from store.database import Database


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
    now: Callable[[], datetime] = utc_now

    @property
    def database(self) -> Database:
        """The store of the chat."""
        return self.chat.database


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
