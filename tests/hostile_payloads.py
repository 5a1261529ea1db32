"""What hostile visitors say: script, formulas, markdown, huge, control and bidi characters."""

import json
from pathlib import Path

PAYLOADS: list[str] = [
    json.loads(line)
    for line in (Path(__file__).parents[0] / "app/console/hostile_payloads.txt")
    .read_text(encoding="utf-8")
    .splitlines()
]
