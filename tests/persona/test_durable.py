"""Folders and files appear whole or not at all, whatever kills the one who writes them."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from persona import durable
from persona.durable import file_sha256, folder_lock, published_folder, write_file

SPAWNED = multiprocessing.get_context("spawn")


def _publish(target: Path, words: str) -> None:
    with published_folder(target) as folder:
        (folder / "inner").mkdir()
        (folder / "inner" / "weights").write_text(words)


def _fill_and_fail(target: Path, error: BaseException) -> None:
    with published_folder(target) as folder:
        (folder / "weights").write_text("half")
        raise error


def _fill_for_ever(target: Path) -> None:
    with published_folder(target) as folder:
        (folder / "weights").write_text("half")
        while True:
            time.sleep(1)


def _hold_lock(folder: Path) -> None:
    with folder_lock(folder):
        (folder / "held").touch()
        time.sleep(60)


def _killed_once(work: Callable[[Path], None], argument: Path, sign: Path) -> None:
    """Run `work` in a process of its own and kill -9 it when `sign` is there."""
    process = SPAWNED.Process(target=work, args=(argument,))
    process.start()
    until = time.monotonic() + 60
    while not sign.exists():
        assert process.is_alive(), "the process ended by itself"
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    assert process.exitcode == -signal.SIGKILL


def _files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_folder_appears_only_when_it_is_full(tmp_path: Path) -> None:
    target = tmp_path / "model"
    with published_folder(target) as folder:
        (folder / "weights").write_text("w")
        assert not target.exists()
    assert _files(tmp_path) == ["model/weights"]


def test_an_error_while_filling_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "model"
    with pytest.raises(KeyboardInterrupt):
        _fill_and_fail(target, KeyboardInterrupt())
    assert list(tmp_path.iterdir()) == []
    _publish(target, "whole")
    assert (target / "inner" / "weights").read_text() == "whole"


def test_a_kill_while_filling_leaves_no_target_and_the_next_publish_works(tmp_path: Path) -> None:
    target = tmp_path / "model"
    _killed_once(_fill_for_ever, target, tmp_path / ".partial-model" / "weights")
    assert not target.exists()
    _publish(target, "whole")
    assert _files(tmp_path) == ["model/inner/weights"]


def test_an_error_while_replacing_keeps_the_old_folder(tmp_path: Path) -> None:
    target = tmp_path / "model"
    _publish(target, "old")
    with pytest.raises(OSError, match="full"):
        _fill_and_fail(target, OSError("the disk is full"))
    assert (target / "inner" / "weights").read_text() == "old"
    _publish(target, "new")
    assert _files(tmp_path) == ["model/inner/weights"]
    assert (target / "inner" / "weights").read_text() == "new"


@pytest.mark.parametrize("last_call", [1, 2])
def test_a_kill_between_the_renames_never_shows_half_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last_call: int
) -> None:
    target = tmp_path / "model"
    _publish(target, "old")
    real, calls = Path.rename, 0

    def dying(path: Path, to: Path) -> Path:
        nonlocal calls
        calls += 1
        if calls == last_call:
            raise SystemExit  # nothing of this process runs after a kill
        return real(path, to)

    monkeypatch.setattr(Path, "rename", dying)
    with pytest.raises(SystemExit):
        _publish(target, "new")
    monkeypatch.undo()
    assert not target.exists() or (target / "inner" / "weights").read_text() == "old"
    _publish(target, "newest")
    assert _files(tmp_path) == ["model/inner/weights"]
    assert (target / "inner" / "weights").read_text() == "newest"


def test_write_file_replaces_whole_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "rows.jsonl"
    write_file(target, b"old")
    with target.open("rb") as reader:
        write_file(target, b"new and longer")
        assert reader.read() == b"old", "a reader of the old file must not see the new bytes"
    assert target.read_bytes() == b"new and longer"

    def full(_: Path) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(durable, "_sync", full)
    with pytest.raises(OSError, match="full"):
        write_file(target, b"newer")
    assert _files(tmp_path) == ["rows.jsonl"]
    assert target.read_bytes() == b"new and longer"


def test_one_process_at_a_time_holds_the_lock_and_a_kill_frees_it(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    process = SPAWNED.Process(target=_hold_lock, args=(folder,))
    process.start()
    while not (folder / "held").exists():
        assert process.is_alive()
        time.sleep(0.01)
    waiting = SPAWNED.Process(target=_hold_lock, args=(folder,))
    (folder / "held").unlink()
    waiting.start()
    time.sleep(1.5)
    assert not (folder / "held").exists(), "two held the lock at once"
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    while not (folder / "held").exists():
        assert waiting.is_alive()
        time.sleep(0.01)
    waiting.kill()
    waiting.join()


def test_the_hash_is_that_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    # The example of FIPS 180-2.
    assert file_sha256(path).startswith("ba7816bf8f01cfea")
