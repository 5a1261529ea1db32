"""The night's own settings out of the application's, and what they mean for its pairs."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from app.loopback import is_loopback
from app.settings import Settings
from rlaif.make_candidates import CandidateSettings
from rlaif.night_work import Approval, NightSettings
from rlaif.pair_caps import CapSettings
from rlaif.pairs import PairSettings
from rlaif.reward import RewardSettings
from rlaif.train import PreferenceSettings
from store.night_records import Night
from store.nights import OPEN

_CAREFUL, _BOLD = 0.4, 1.1


def night_settings(settings: Settings) -> NightSettings:
    """The night's own settings out of the application's."""
    night = settings.night
    return NightSettings(
        retention=timedelta(days=settings.consent.retention_days),
        approval=_approval(settings),
        deadline=timedelta(hours=night.deadline_hours),
        min_pairs=night.min_pairs,
        candidates=CandidateSettings(temperatures=_temperatures(night.candidates)),
        reward=RewardSettings(weights=night.metrics),
        pairs=PairSettings(caps=CapSettings(single_user=_single_user(settings))),
        training=PreferenceSettings(
            learning_rate=night.learning_rate, beta=night.beta, epochs=night.epochs
        ),
    )


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
    approval = _approval(settings)
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


def _temperatures(count: int) -> tuple[float, ...]:
    """`count` temperatures from careful to bold."""
    return tuple(round(_CAREFUL + (_BOLD - _CAREFUL) * at / (count - 1), 2) for at in range(count))


def _approval(settings: Settings) -> Approval:
    """Whether operators are asked: by default where strangers can come in."""
    wanted = settings.night.approval
    if wanted != "by_site":
        return wanted
    return "auto" if _only_this_machine(settings) else "required"


def _single_user(settings: Settings) -> bool:
    """Whether one person may give all pairs: by default where only this machine can connect."""
    wanted = settings.night.single_user
    if wanted != "auto":
        return wanted == "on"
    return _only_this_machine(settings)


def _only_this_machine(settings: Settings) -> bool:
    """Whether nothing says that others reach the site: a proxy in front connects from here too."""
    server = settings.server
    passed_on = server.public_url or server.trusted_proxies or server.allowed_hosts
    return is_loopback(server.host) and not passed_on
