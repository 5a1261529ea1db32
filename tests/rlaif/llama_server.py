"""Serve a GGUF file with llama.cpp's own OpenAI-compatible server until killed.

    python -m tests.rlaif.llama_server MODEL.gguf PORT [TEMPLATE.jinja]

Needs `pip install xllamacpp`. Imports nothing else, so that it also runs in another environment.
"""

import signal
import sys
from pathlib import Path

import xllamacpp


def main() -> None:
    """Print the address once the model answers."""
    params = xllamacpp.CommonParams()
    params.model.path = sys.argv[1]
    params.port = int(sys.argv[2])
    params.n_ctx = 4096
    params.n_parallel = 1
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    params.warmup = False
    if len(sys.argv) > 3:
        params.chat_template = Path(sys.argv[3]).read_text(encoding="utf-8")
        params.use_jinja = True
    server = xllamacpp.Server(params)
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    signal.pause()


if __name__ == "__main__":
    main()
