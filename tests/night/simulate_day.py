"""A day of visitors through the real chat: cookies, consent, turns, regenerations and thumbs.

`python -m tests.night.simulate_day http://127.0.0.1:7860 [--people N]` talks to a running server
as the people of visitors.txt, two at a time, all of whom let the night learn.
"""

import argparse
import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

LINES = Path(__file__).parent / "visitors.txt"
_MOVING = ("queued", "streaming")
_REPLY_SECONDS = 120.0
_RETRY_SHARE = 0.12
_THUMB_SHARE = 0.2


def people() -> list[list[str]]:
    """The lines of each person, in order."""
    text = "\n".join(
        line for line in LINES.read_text(encoding="utf-8").splitlines() if not line.startswith("#")
    )
    return [block.split("\n") for block in text.strip().split("\n\n")]


def main() -> None:
    """Run the day and say how many turns were answered."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--people", type=int, default=len(people()))
    arguments = parser.parse_args()
    chosen = list(enumerate(people()[: arguments.people]))
    with ThreadPoolExecutor(2) as pool:
        answered = sum(pool.map(lambda one: live(arguments.url, *one), chosen))
    print(f"{answered} turns answered for {len(chosen)} people")  # noqa: T201


def live(url: str, number: int, lines: list[str]) -> int:
    """One person's conversation; return how many turns were answered."""
    rng = random.Random(number)
    with httpx.Client(
        base_url=url, headers={"X-Yogeiko": "1"}, timeout=30, follow_redirects=True
    ) as client:
        client.get("/api/me").raise_for_status()
        client.put("/api/consent", json={"allow": True}).raise_for_status()
        created = client.post("/api/conversations")
        created.raise_for_status()
        conversation = created.json()["id"]
        for line in lines:
            turn = answered(
                client, conversation, f"/api/conversations/{conversation}/turns", {"text": line}
            )
            if rng.random() < _RETRY_SHARE:
                turn = answered(client, conversation, f"/api/turns/{turn['id']}/regenerate", None)
            if rng.random() < _THUMB_SHARE:
                reply = turn["replies"][turn["shown"]]
                thumb = "up" if rng.random() < 0.7 else "down"
                client.put(
                    f"/api/replies/{reply['id']}/feedback", json={"thumb": thumb}
                ).raise_for_status()
    return len(lines)


def answered(
    client: httpx.Client, conversation: str, path: str, body: dict[str, str] | None
) -> dict:
    """Say something, wait for the reply, return the turn as it then stands."""
    posted = client.post(path, json=body)
    while posted.status_code in (409, 429, 503):
        time.sleep(1.0)
        posted = client.post(path, json=body)
    posted.raise_for_status()
    turn_id = posted.json()["turn"]["id"]
    until = time.monotonic() + _REPLY_SECONDS
    while time.monotonic() < until:
        shown = client.get(f"/api/conversations/{conversation}").json()["turns"]
        turn = next(one for one in shown if one["id"] == turn_id)
        if all(reply["status"] not in _MOVING for reply in turn["replies"]):
            return turn
        time.sleep(0.2)
    raise TimeoutError(f"no reply to {path} within {_REPLY_SECONDS:g} s")


if __name__ == "__main__":
    main()
