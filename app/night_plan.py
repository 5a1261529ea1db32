"""The night's own settings out of the application's."""

from datetime import timedelta

from app.approval import approval_of, only_this_machine
from app.settings import Settings
from rlaif.make_candidates import CandidateSettings
from rlaif.night_work import NightSettings
from rlaif.pair_caps import CapSettings
from rlaif.pairs import PairSettings
from rlaif.reward import RewardSettings
from rlaif.train import PreferenceSettings

_CAREFUL, _BOLD = 0.4, 1.1


def night_settings(settings: Settings) -> NightSettings:
    """The night's own settings out of the application's."""
    night = settings.night
    return NightSettings(
        retention=timedelta(days=settings.consent.retention_days),
        approval=approval_of(settings),
        deadline=timedelta(hours=night.deadline_hours),
        min_pairs=night.min_pairs,
        candidates=CandidateSettings(temperatures=_temperatures(night.candidates)),
        reward=RewardSettings(weights=night.metrics),
        pairs=PairSettings(caps=CapSettings(single_user=_single_user(settings))),
        training=PreferenceSettings(
            learning_rate=night.learning_rate, beta=night.beta, epochs=night.epochs
        ),
    )


def _temperatures(count: int) -> tuple[float, ...]:
    """`count` temperatures from careful to bold."""
    return tuple(round(_CAREFUL + (_BOLD - _CAREFUL) * at / (count - 1), 2) for at in range(count))


def _single_user(settings: Settings) -> bool:
    """Whether one person may give all pairs: by default where only this machine can connect."""
    wanted = settings.night.single_user
    if wanted != "auto":
        return wanted == "on"
    return only_this_machine(settings)
