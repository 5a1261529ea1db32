"""Decode speed of the engine against stock `generate`, in one run on one machine.

    python -m tests.benchmarks.bench_decode [--models FOLDER] [--rounds 5] [--json]

Rounds alternate between the two, so that a busy machine slows both; the table shows the best round
of each and the median of the ratios of neighbouring rounds.
"""

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

# Waiting threads sleep instead of spinning; OpenMP reads this once, when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import click
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import PreTrainedModel

from persona.base_model import LoadedModel, load_model
from persona.engine import Finished, GenerationRequest, Message, Sampling
from persona.local_engine import EngineSettings, LocalEngine
from persona.lora_bank import DecodeWeights

_SYSTEM = (
    "あなたは小野寺絢音です。十七歳の高校生で、図書委員をしています。一人称はわたしです。" * 11
)
_QUESTION = "今日は何をしていましたか？"
_NEW_TOKENS = 48
_TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One comparison. Speeds are decode tokens per second, first tokens seconds; best rounds."""

    name: str
    stock_tokens_per_second: float
    ours_tokens_per_second: float
    median_ratio: float
    stock_first_seconds: float
    cold_first_seconds: float
    reused_first_seconds: float
    reused_tokens: int


def _prompt(number: int) -> tuple[Message, ...]:
    # The number stands first, so that prompts of different numbers share no block.
    system = Message(role="system", content=f"{number}。{_SYSTEM}")
    return (system, Message(role="user", content=_QUESTION))


def _stock_round(model: PreTrainedModel, loaded: LoadedModel, number: int) -> tuple[float, float]:
    """(decode tokens per second, seconds to the first token) of `generate`, never stopping early."""
    rows = [{"role": m.role, "content": m.content} for m in _prompt(number)]
    inputs = loaded.tokenizer.apply_chat_template(
        rows, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )

    def seconds(new: int) -> float:
        start = time.perf_counter()
        model.generate(**inputs, max_new_tokens=new, min_new_tokens=new, do_sample=False)
        return time.perf_counter() - start

    first = seconds(1)
    return (_NEW_TOKENS - 1) / (seconds(_NEW_TOKENS) - first), first


def _ask(engine: LocalEngine, adapter: str | None, number: int) -> Finished:
    sampling = Sampling(temperature=0, repetition_penalty=1.1, max_new_tokens=_NEW_TOKENS)
    request = GenerationRequest(messages=_prompt(number), adapter=adapter, sampling=sampling)
    last = list(engine.submit(request).events())[-1]
    if not isinstance(last, Finished):
        raise click.ClickException(f"the engine failed: {last}")
    return last


def _speed(answer: Finished) -> float:
    return (answer.reply_tokens - 1) / (answer.total_seconds - answer.first_token_seconds)


def _compare(
    name: str,
    stock: Callable[[int], tuple[float, float]],
    ours: Callable[[int], Finished],
    rounds: int,
) -> Line:
    stock(0), ours(0)  # the first use of each pays for setting up kernels
    theirs, cold, reused = [], [], []
    for number in range(1, rounds + 1):
        theirs.append(stock(number))
        cold.append(ours(number))
        reused.append(ours(number))
    ratios = [_speed(r) / t[0] for r, t in zip(reused, theirs, strict=True)]
    return Line(
        name=name,
        stock_tokens_per_second=max(t[0] for t in theirs),
        ours_tokens_per_second=max(_speed(a) for a in (*cold, *reused)),
        median_ratio=statistics.median(ratios),
        stock_first_seconds=min(t[1] for t in theirs),
        cold_first_seconds=min(a.first_token_seconds for a in cold),
        reused_first_seconds=min(a.first_token_seconds for a in reused),
        reused_tokens=reused[-1].reused_tokens,
    )


def _write_adapter(models: Path, folder: Path) -> None:
    """A LoRA adapter of rank 8 on every Linear of the layers, too weak to change the greedy text."""
    config = LoraConfig(r=8, lora_alpha=16, target_modules=_TARGETS, task_type="CAUSAL_LM")
    get_peft_model(load_model("embedded:gemma-3-270m", models).model, config).save_pretrained(
        folder
    )


def measure(models: Path, rounds: int) -> list[Line]:
    """All comparisons: the base model and an adapter, with the model's weights and with int8."""
    lines = []
    with tempfile.TemporaryDirectory() as temporary, torch.inference_mode():
        folder = Path(temporary) / "adapter"
        _write_adapter(models, folder)
        plain = load_model("embedded:gemma-3-270m", models)
        tuned = PeftModel.from_pretrained(
            load_model("embedded:gemma-3-270m", models).model, folder
        ).eval()
        weights: DecodeWeights
        for weights in ("model", "int8"):
            loaded = load_model("embedded:gemma-3-270m", models)
            engine = LocalEngine(loaded, EngineSettings(decode_weights=weights))
            engine.add_adapter("bench", folder)
            for name, stock, adapter in (("base", plain.model, None), ("adapter", tuned, "bench")):
                lines.append(
                    _compare(
                        f"{name}, {weights} weights",
                        lambda n, m=stock: _stock_round(m, plain, n),
                        lambda n, e=engine, a=adapter: _ask(e, a, n),
                        rounds,
                    )
                )
            engine.close()
    return lines


@click.command(help=__doc__)
@click.option(
    "--models", type=click.Path(path_type=Path), default=Path("~/.local/share/yogeiko/models")
)
@click.option("--rounds", default=5, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def main(models: Path, rounds: int, as_json: bool) -> None:
    """Measure and print."""
    lines = measure(models.expanduser(), rounds)
    if as_json:
        click.echo(json.dumps([asdict(line) for line in lines], indent=1))
        return
    click.echo("decode tok/s          stock   ours  ratio | first token s: stock   cold  reused")
    for line in lines:
        click.echo(
            f"{line.name:21} {line.stock_tokens_per_second:5.1f}  {line.ours_tokens_per_second:5.1f}"
            f"  {line.median_ratio:4.2f}x |              {line.stock_first_seconds:6.3f} "
            f"{line.cold_first_seconds:6.3f}  {line.reused_first_seconds:6.3f}"
            f" ({line.reused_tokens} tokens)"
        )


if __name__ == "__main__":
    main()
