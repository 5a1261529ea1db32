"""A real HTTP server on the loopback that answers chat completions from a script."""

import json
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from rlaif.metrics import METRIC_KEYS


@dataclass(frozen=True)
class Answer:
    """What to send: `content` as a chat completion, or `raw` as it stands."""

    content: str = ""
    status: int = 200
    raw: bytes | None = None
    finish: str = "stop"
    usage: tuple[int, int] | None = (100, 50)
    headers: Mapping[str, str] = field(default_factory=dict)
    wait_seconds: float = 0.0
    drip_seconds: float = 0.0
    likely: tuple[tuple[str, float], ...] = ()
    """Probabilities of the tokens that could have stood in place of `content`."""

    def body(self) -> bytes:
        if self.raw is not None:
            return self.raw
        choice: dict[str, object] = {
            "message": {"content": self.content},
            "finish_reason": self.finish,
        }
        if self.likely:
            top = [{"token": token, "logprob": math.log(p)} for token, p in self.likely]
            choice["logprobs"] = {"content": [{"token": self.content, "top_logprobs": top}]}
        document: dict[str, object] = {"choices": [choice]}
        if self.usage is not None:
            prompt, completion = self.usage
            document["usage"] = {"prompt_tokens": prompt, "completion_tokens": completion}
        return json.dumps(document).encode()


Script = Callable[[dict[str, object]], Answer]


@dataclass
class Judge:
    """A running server, the requests it got and their headers."""

    url: str
    requests: list[dict[str, object]]
    headers: list[Mapping[str, str]]


@contextmanager
def judge_server(*answers: Answer, script: Script | None = None) -> Iterator[Judge]:
    """Serve `answers` in order, the last one for ever, or what `script` makes of a request."""
    got: list[dict[str, object]] = []
    headers: list[Mapping[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            got.append(request)
            headers.append(dict(self.headers))
            answer = script(request) if script else answers[min(len(got), len(answers)) - 1]
            time.sleep(answer.wait_seconds)
            body = answer.body()
            try:
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                for start in range(0, len(body), 16 if answer.drip_seconds else len(body) or 1):
                    step = 16 if answer.drip_seconds else len(body)
                    self.wfile.write(body[start : start + step])
                    time.sleep(answer.drip_seconds)
            except OSError:
                return

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield Judge(f"http://127.0.0.1:{server.server_port}/v1", got, headers)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def score_answer(points: int = 6, reason: str = "話は聞いている。") -> str:
    """A well-formed answer with the same figure everywhere."""
    return json.dumps(
        {"reason": reason, "scores": dict.fromkeys(METRIC_KEYS, points)}, ensure_ascii=False
    )


def compare_answer(winner: str, reason: str = "話が続く。") -> str:
    """A well-formed answer to a comparison."""
    return json.dumps({"reason": reason, "winner": winner}, ensure_ascii=False)
