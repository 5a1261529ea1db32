"""kill -9 at random moments of streaming: what was acknowledged survives, nothing is broken."""

import multiprocessing
import os
import random
import signal
import socket
import sqlite3
import threading
import time
from pathlib import Path

import httpx
import pytest

from tests import fake_server
from tests.app.house import PAGE_HEADERS
from tests.store.databases import KINDS, fresh_url

VISITORS = 3
# Every server is a fresh fork of a process that has done the slow imports once.
FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(["tests.fake_server"])


def _serve(home: Path, port: int, url: str) -> None:
    os.environ["DATABASE_URL"] = url
    fake_server.run(home, port, token_seconds=0.02, load_seconds=0.1)


class Server:
    """The fake server in a process of its own."""

    def __init__(self, home: Path, url: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port: int = probe.getsockname()[1]
        self.origin = f"http://127.0.0.1:{self.port}"
        self.process = FORKED.Process(target=_serve, args=(home, self.port, url))
        self.process.start()

    def wait_ready(self) -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            assert self.process.is_alive(), "the server ended by itself"
            try:
                if httpx.get(f"{self.origin}/healthz").json()["model"] == "ready":
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise AssertionError("the server did not become ready")

    def kill(self) -> None:
        os.kill(self.process.pid or 0, signal.SIGKILL)
        self.process.join()


class Visitor:
    """Talks until the server dies, and keeps a ledger of what it was promised."""

    def __init__(self) -> None:
        self.cookies: dict[str, str] = {}
        self.conversation = ""
        self.acknowledged: list[tuple[str, str]] = []
        self.sent: list[str] = []
        self.finished: dict[str, str] = {}

    def client(self, server: Server) -> httpx.Client:
        headers = {"X-Yogeiko": PAGE_HEADERS["X-Yogeiko"]}
        return httpx.Client(
            base_url=server.origin, headers=headers, cookies=self.cookies, timeout=10
        )

    def begin(self, server: Server) -> None:
        with self.client(server) as client:
            response = client.post("/api/conversations")
            self.conversation = response.json()["id"]
            self.cookies = dict(response.cookies)

    def talk(self, server: Server) -> None:
        try:
            with self.client(server) as client:
                while True:
                    self._say(client)
        except httpx.TransportError:
            return

    def _say(self, client: httpx.Client) -> None:
        text = f"発言 {len(self.sent)} {random.random()}"
        self.sent.append(text)
        path = f"/api/conversations/{self.conversation}/turns"
        response = client.post(path, json={"text": text})
        assert response.status_code == 202, response.text
        turn = response.json()["turn"]
        self.acknowledged.append((turn["id"], text))
        reply_id = turn["replies"][0]["id"]
        with client.stream("GET", f"/api/replies/{reply_id}/events") as stream:
            last = ""
            for line in stream.iter_lines():
                last = line or last
        assert last.startswith("data: ")
        self.finished[reply_id] = last

    def check(self, server: Server) -> None:
        with self.client(server) as client:
            turns = client.get(f"/api/conversations/{self.conversation}").json()["turns"]
        kept = [(turn["id"], turn["text"]) for turn in turns]
        assert len({text for _, text in kept}) == len(kept), "a turn is there twice"
        assert [one for one in kept if one in self.acknowledged] == self.acknowledged
        unpromised = {text for one, text in kept if (one, text) not in self.acknowledged}
        assert unpromised <= set(self.sent) - {text for _, text in self.acknowledged}
        for turn in turns:
            (reply,) = turn["replies"]
            assert reply["status"] in ("done", "stopped", "failed"), reply
            assert reply["text"] or reply["status"] == "failed", reply
            if reply["id"] in self.finished:
                assert reply["status"] == "done", "a reply that was shown as done changed"


def _rounds(home: Path, url: str, rounds: int, seed: int) -> None:
    chance = random.Random(seed)
    server = Server(home, url)
    server.wait_ready()
    visitors = [Visitor() for _ in range(VISITORS)]
    for visitor in visitors:
        visitor.begin(server)
    for round_ in range(1, rounds + 1):
        threads = [threading.Thread(target=one.talk, args=(server,)) for one in visitors]
        for thread in threads:
            thread.start()
        while len(visitors[0].acknowledged) < round_:
            time.sleep(0.01)
        time.sleep(chance.uniform(0.0, 1.0))
        server.kill()
        for thread in threads:
            thread.join()
        server = Server(home, url)
        server.wait_ready()
        for visitor in visitors:
            visitor.check(server)
        if url.startswith("sqlite"):
            with sqlite3.connect(home / "yogeiko.db") as plain:
                assert plain.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    server.kill()


@pytest.mark.parametrize("kind", KINDS)
def test_acknowledged_turns_survive_kill(tmp_path: Path, kind: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with fresh_url(kind, home) as url:
        _rounds(home, url, rounds=5, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_acknowledged_turns_survive_two_hundred_kills(tmp_path: Path) -> None:
    _rounds(tmp_path, f"sqlite:///{tmp_path / 'yogeiko.db'}", rounds=200, seed=2)
