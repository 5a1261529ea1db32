"""What people do while a night is under way, and what dies in it, changes how it ends."""

from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest

from persona.durable import file_sha256
from rlaif.errors import TrainingDiedError, TrainingStoppedError
from rlaif.night import run_night
from rlaif.night_ledger import NightOrder, NightOutcome
from rlaif.night_work import TrainingOrder
from store.adapters import active_adapter, deploy, ensure_adapter, list_deployments, load_adapter
from store.night_records import NightStep, PairStatus
from store.nights import claim_night, load_night
from store.pair_verdicts import decide_pair
from store.pairs import list_pairs
from store.visitors import set_consent
from tests.persona.tiny_model import write_adapter
from tests.rlaif import night_kit
from tests.rlaif.night_kit import DATE, Bench, without

ORDER = NightOrder(date=DATE, owner="test")


def _run(bench: Bench, *, again: bool = False, **changes: object) -> NightOutcome:
    order = NightOrder(date=DATE, owner="test", again=again)
    return run_night(bench.parts(), without(night_kit.settings(), **changes), order, {})


def _steps(bench: Bench) -> dict[str, NightStep]:
    with bench.database.reading() as session:
        night = load_night(session, DATE)
    assert night is not None
    return {step.step: step for step in night.steps}


def _activate(bench: Bench, name: str = "other") -> None:
    """An operator puts another supervised adapter into production."""
    folder = bench.home / "adapters" / name
    with bench.database.session() as session:
        if not folder.exists():
            write_adapter(folder, seed=4)
            anchor = load_adapter(session, "anchor")
            values = {"id": name, "folder": str(folder)}
            values["sha256"] = file_sha256(folder / "adapter_model.safetensors")
            ensure_adapter(session, night_kit.replace(anchor, **values))  # type: ignore[arg-type]
        deploy(session, name, who="op", why="better", now=bench.now)


def _before(monkeypatch: pytest.MonkeyPatch, step: str, what: Callable[[], object]) -> None:
    """Have something happen once, just before a step begins."""
    from rlaif import night  # noqa: PLC0415 - the name that the night looks up

    original, happened = night.begin_step, []

    def begin(*arguments: object) -> object:
        if arguments[2] == step and not happened:
            happened.append(step)
            what()
        return original(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(night, "begin_step", begin)


class _Dies:
    """A trainer whose first processes end so; the rest train."""

    def __init__(self, bench: Bench, *ends: Exception) -> None:
        self.bench = bench
        self.ends = list(ends)

    def __call__(
        self, order: TrainingOrder, progress: Callable[[int, int | None], None]
    ) -> Mapping[str, object]:
        self.bench.trainings += 1
        if self.ends:
            raise self.ends.pop(0)
        return Bench._train(self.bench, order, progress)


def test_training_that_dies_twice_is_taken_up_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaths = [TrainingDiedError("was killed (SIGKILL)")] * 2
    monkeypatch.setattr(bench, "_train", _Dies(bench, *deaths))

    assert _run(bench).status == "published"


def test_training_that_dies_a_third_time_fails_the_night_with_the_reason(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    death = TrainingDiedError("was killed (SIGKILL), as the system does for want of memory")
    monkeypatch.setattr(bench, "_train", _Dies(bench, *[death] * 3))

    failed = _run(bench)

    assert failed.status == "failed"
    assert "for want of memory" in failed.decision
    assert bench.trainings == 3
    assert _run(bench, again=True).status == "published", "--resume goes on"


def test_training_that_was_stopped_stops_the_night(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "_train", _Dies(bench, TrainingStoppedError("after step 3 of 9")))

    stopped = _run(bench)

    assert stopped == NightOutcome(status="stopped", decision="after step 3 of 9")
    assert _run(bench).status == "published", "the clock goes on without --resume"


def test_the_gates_look_at_what_is_in_production_then(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    _before(monkeypatch, "gate", lambda: _activate(bench))

    assert _run(bench).status == "published"
    assert _steps(bench)["gate"].detail["active"] == "other"


def test_what_was_activated_after_the_gates_stays(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    _before(monkeypatch, "publish", lambda: _activate(bench))

    refused = _run(bench)

    assert refused.status == "refused"
    for words in ("against anchor", "but other has been put", f"--date {DATE} --resume"):
        assert words in refused.decision
    with bench.database.reading() as session:
        assert active_adapter(session) == "other"
    again = _run(bench, again=True)
    assert again.status == "published", again.decision


def test_a_rollback_after_a_kill_behind_the_deployment_stays(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    from rlaif import night  # noqa: PLC0415 - the name that the night looks up

    original = night.finish_step

    def finish(*arguments: object) -> object:
        if arguments[2] == "publish":
            raise Killed
        return original(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(night, "finish_step", finish)
    with pytest.raises(Killed):
        _run(bench)
    monkeypatch.setattr(night, "finish_step", original)
    _activate(bench, "anchor")
    bench.now += night_kit.settings().lease * 2

    assert _run(bench).status == "published"
    with bench.database.reading() as session:
        assert active_adapter(session) == "anchor"
        assert len(list_deployments(session)) == 3


def _withdraw(bench: Bench) -> None:
    with bench.database.session() as session:
        visitor = list_pairs(session, DATE)[0].visitor_id
        owner = night_kit.Owner(visitor_id=visitor)
        set_consent(session, owner, allow=False, now=bench.now)


def _decide(bench: Bench, status: PairStatus) -> None:
    with bench.database.session() as session:
        decide_pair(session, list_pairs(session, DATE)[0].id, status, "op", bench.now)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (_withdraw, "withdrawn"),
        (lambda bench: _decide(bench, "vetoed"), "1 of the"),
        (lambda bench: _decide(bench, "flipped"), "turned round"),
    ],
)
def test_pairs_that_were_taken_back_while_it_trained_are_not_published(
    bench: Bench,
    monkeypatch: pytest.MonkeyPatch,
    what: Callable[[Bench], None],
    words: str,
) -> None:
    _before(monkeypatch, "gate", lambda: what(bench))

    refused = _run(bench)

    assert refused.status == "refused"
    assert words in refused.decision
    with bench.database.reading() as session:
        assert active_adapter(session) == "anchor"


def test_pairs_that_grow_too_old_while_it_trains_are_published(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wait() -> None:
        bench.now += timedelta(hours=5)

    _before(monkeypatch, "gate", wait)
    # The day began six hours before the night.
    outcome = _run(bench, retention=timedelta(hours=7))

    assert outcome.status == "published", outcome.decision


def test_a_step_that_ends_the_night_is_complete_and_timed(bench: Bench) -> None:
    bench.better = False

    _run(bench)

    gate = _steps(bench)["gate"]
    assert gate.finished_at is not None
    assert "failed" in str(gate.detail["reason"])


def test_a_killed_night_does_not_go_on_behind_a_refusal(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def kill(*_: object, **__: object) -> None:
        raise Killed

    bench.better = False
    with monkeypatch.context() as patch:
        patch.setattr("rlaif.night_ledger.finish_night", kill)
        with pytest.raises(Killed):
            _run(bench)
    bench.now += night_kit.settings().lease * 2

    assert _run(bench).status == "refused"


def test_too_few_pairs_complete_the_training_step(bench: Bench) -> None:
    _run(bench, min_pairs=1000)

    assert _steps(bench)["train"].finished_at is not None


def test_the_inbox_waits_from_when_it_was_reached_and_stays_open(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hours_later() -> None:
        bench.now += timedelta(hours=3)

    _before(monkeypatch, "pair", hours_later)

    waiting = _run(bench, approval="required")

    reached = night_kit.NIGHT + timedelta(hours=3)
    assert waiting.status == "waiting"
    assert (reached + timedelta(hours=12)).isoformat(timespec="minutes") in waiting.decision
    assert _steps(bench)["inbox"].finished_at is None
    assert _steps(bench)["inbox"].started_at == reached


def test_what_keeps_a_night_from_its_first_step_is_in_the_ledger(bench: Bench) -> None:
    def no_disk() -> None:
        raise OSError("no space left on device")

    parts = night_kit.replace(bench.parts(), prepare=no_disk)

    outcome = run_night(parts, night_kit.settings(), ORDER, {})

    assert outcome.status == "failed"
    with bench.database.reading() as session:
        night = load_night(session, DATE)
    assert night is not None
    assert night.decision == "OSError: no space left on device"


def test_training_is_told_the_nights_own_settings(bench: Bench) -> None:
    own = night_kit.replace(night_kit.settings().training, beta=0.2, replay_share=0.4)

    outcome = _run(bench, training=own)

    assert outcome.adapter is not None
    detail = _steps(bench)["train"].detail
    assert isinstance(detail["replay"], int)
    assert isinstance(detail["pairs"], int)
    assert detail["replay"] / (detail["replay"] + detail["pairs"]) >= 0.4
    with bench.database.reading() as session:
        manifest = load_adapter(session, outcome.adapter).manifest
    settings = manifest["settings"]
    assert isinstance(settings, dict)
    assert (settings["beta"], settings["replay_share"]) == (0.2, 0.4)


def test_a_night_that_would_forget_the_seed_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected 0\.2 or more"):
        without(
            night_kit.settings(),
            training=night_kit.replace(night_kit.settings().training, replay_share=0.1),
        )


def test_who_comes_second_loads_no_model(bench: Bench) -> None:
    def loads(*_: object) -> None:
        raise AssertionError("a model was loaded for a night in other hands")

    with bench.database.session() as session:
        lease = night_kit.settings().lease
        claim_night(session, DATE, owner="first", lease=lease, now=bench.now, settings={})
    loading = dict.fromkeys(("prepare", "training_evaluator", "engine", "trust"), loads)
    parts = night_kit.replace(bench.parts(), **loading)  # type: ignore[arg-type]

    outcome = run_night(parts, night_kit.settings(), ORDER, {})

    assert outcome.status is None
    assert "being run or rehearsed by first" in outcome.decision
