"""A regressor on a base of 4-bit weights, as on CUDA: it trains, and its folder gives it back."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.persona.test_quantization import _SAVE_BASE

pytest.importorskip("bitsandbytes", reason="NF4 needs bitsandbytes")
pytestmark = pytest.mark.slow

# A process of its own: weights that one pass has packed break a later training pass.
_TRAIN = """
import json, sys
from dataclasses import replace
from pathlib import Path
import numpy as np, torch
from persona.base_model import LoadOptions, load_model
from rlaif.sft_calibration import Curve
from rlaif.sft_folder import load_regressor, save_regressor
from rlaif.sft_model import Regressor
from rlaif.sft_training import predict_rows, train_regressor
from tests.rlaif.regressor_rows import QUICK, regressor_run

base, home = sys.argv[1:]
torch.set_num_threads(1)
settings = replace(QUICK, layers_trained=1, ridges=(30.0,))
loaded = load_model(base, Path(base), LoadOptions(quantization="nf4"))
regressor = Regressor(loaded, settings)
run = regressor_run(Path(home) / "work", settings)
progress = train_regressor(regressor, run)
moved = max(t.abs().max().item() for n, t in regressor.learnt().items() if "lora_B" in n)
curve = Curve(figures=np.zeros(1), points=np.full(1, 5.0))
save_regressor(
    Path(home) / "sft", regressor, [curve] * 12, settings, {"base_sha256": loaded.sha256}
)
own = predict_rows(regressor, run.validation)
again = predict_rows(load_regressor(Path(home) / "sft", loaded).regressor, run.validation)
print(json.dumps({
    "quantization": loaded.quantization, "steps": progress.step, "moved": moved,
    "gap": (own - again).abs().max().item(), "size": own.abs().max().item(),
}))
"""


def _run(program: str, *arguments: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_lora_trains_on_four_bit_weights_and_comes_back_from_disk(tmp_path: Path) -> None:
    base = tmp_path / "base"
    _run(_SAVE_BASE, base)
    found = json.loads(_run(_TRAIN, base, tmp_path / "home"))
    assert found["quantization"] == "nf4"
    assert found["steps"] == 6
    assert 0 < found["moved"] < float("inf")
    assert found["size"] > 0
    assert found["gap"] < 0.05 * found["size"]
