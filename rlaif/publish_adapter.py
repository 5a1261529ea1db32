"""A trained LoRA as a folder that appears whole, its manifest written last."""

import json
from dataclasses import replace
from pathlib import Path

import torch
from peft import PeftModel
from peft.utils import get_peft_model_state_dict
from safetensors.torch import save_file

from persona.durable import file_sha256, published_folder
from persona.sft import MANIFEST, WEIGHTS


def publish_adapter(model: PeftModel, target: Path, manifest: dict[str, object]) -> None:
    """Write bf16 safetensors, PEFT's config, then the manifest, to which sha256 is added."""
    weights = {
        name: tensor.detach().to(torch.bfloat16).contiguous().cpu()
        for name, tensor in get_peft_model_state_dict(model).items()
    }
    # The manifest names the base by its hash; a path on the trainer's machine is nobody's business.
    config = replace(
        model.peft_config["default"], base_model_name_or_path=None, inference_mode=True
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    with published_folder(target) as folder:
        config.save_pretrained(folder)
        save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
        manifest["sha256"] = file_sha256(folder / WEIGHTS)
        text = json.dumps(manifest, ensure_ascii=False, indent=2) + "\n"
        (folder / MANIFEST).write_text(text, encoding="utf-8")
