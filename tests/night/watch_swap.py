"""One visitor through a swap: the conversation begun before keeps its voice, a new one has the new.

`python -m tests.night.watch_swap http://127.0.0.1:7860 [--minutes 60]` begins a conversation with a
running server and goes on in it now and then, so that it stays pinned, until new conversations are
answered by another adapter (a night published meanwhile) or the time is up. Prints JSON: who
answered what. Exits 1 when nothing was swapped or the old conversation changed its adapter.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass

import httpx

from tests.night.simulate_day import answered

_EVERY_SECONDS = 60.0
_LINES = ("ただいま", "今日は少し疲れたよ", "お茶でも飲もうかな", "何かいいことあった？")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One exchange and who answered."""

    conversation: str
    user: str
    reply: str
    adapter: str | None


def say(client: httpx.Client, conversation: str, name: str, text: str) -> Said:
    """Say something in a conversation; raises TimeoutError when there is no answer."""
    turn = answered(
        client, conversation, f"/api/conversations/{conversation}/turns", {"text": text}
    )
    reply = turn["replies"][turn["shown"]]
    return Said(conversation=name, user=text, reply=reply["text"], adapter=reply["adapter"])


def begin(client: httpx.Client) -> str:
    """A conversation of its own."""
    created = client.post("/api/conversations")
    created.raise_for_status()
    return str(created.json()["id"])


def main() -> None:
    """Talk until the swap is seen from both sides."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--minutes", type=float, default=60.0)
    arguments = parser.parse_args()
    until = time.monotonic() + 60 * arguments.minutes
    said: list[Said] = []
    with httpx.Client(base_url=arguments.url, headers={"X-Yogeiko": "1"}, timeout=60) as client:
        client.get("/api/me").raise_for_status()
        old = begin(client)
        said.append(say(client, old, "old", _LINES[0]))
        first = said[0].adapter
        while time.monotonic() < until:
            time.sleep(_EVERY_SECONDS)
            fresh = say(client, begin(client), "new", _LINES[1])
            if fresh.adapter != first:
                said += [fresh, say(client, old, "old", _LINES[1])]
                break
            said.append(say(client, old, "old", _LINES[2 + len(said) % 2]))
    swapped = said[-2].adapter != first if len(said) > 1 else False
    kept = all(one.adapter == first for one in said if one.conversation == "old")
    print(  # noqa: T201
        json.dumps(
            {
                "swapped": swapped,
                "old_kept": kept,
                "said": [asdict(one) for one in (said[0], *said[-3:])],
            },
            ensure_ascii=False,
            indent=1,
        )
    )
    sys.exit(0 if swapped and kept else 1)


if __name__ == "__main__":
    main()
