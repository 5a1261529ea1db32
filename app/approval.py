"""Whether operators are asked about a night's pairs, and until when."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from app.loopback import is_loopback
from app.settings import Settings
from store.night_records import Night
from store.nights import OPEN

Approval = Literal["auto", "required"]
ApprovalReason = Literal["set", "this_machine", "open_site"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxPlan:
    """Whether a night waits for operators, and until when.

    why: `set`: the setting says so; else it follows from who can reach the site. deadline: when it
    goes on without them; None before it has asked, and where it does not ask. open: the night can
    still go on with what is decided now. hours: from asking to the deadline.
    """

    approval: Approval
    why: ApprovalReason
    deadline: datetime | None
    hours: float
    open: bool


def inbox_plan(settings: Settings, night: Night | None) -> InboxPlan:
    """How the pairs of a night are asked about."""
    approval = approval_of(settings)
    derived: ApprovalReason = "this_machine" if approval == "auto" else "open_site"
    asked_at = None if night is None else night.began("inbox")
    waits = approval == "required" and asked_at is not None
    return InboxPlan(
        approval=approval,
        why=derived if settings.night.approval == "by_site" else "set",
        deadline=asked_at + timedelta(hours=settings.night.deadline_hours)
        if waits and asked_at is not None
        else None,
        hours=settings.night.deadline_hours,
        open=night is None or (night.status in OPEN and night.began("train") is None),
    )


def approval_of(settings: Settings) -> Approval:
    """Whether operators are asked: by default where strangers can come in."""
    wanted = settings.night.approval
    if wanted != "by_site":
        return wanted
    return "auto" if only_this_machine(settings) else "required"


def only_this_machine(settings: Settings) -> bool:
    """Whether nothing says that others reach the site: a proxy in front connects from here too."""
    server = settings.server
    passed_on = server.public_url or server.trusted_proxies or server.allowed_hosts
    return is_loopback(server.host) and not passed_on
