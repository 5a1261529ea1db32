"""Resident LoRA adapters over one untouched base model.

Every Linear of the model is wrapped once. The wrapper adds the low-rank update of whichever adapter
is selected, so that changing adapters between two tokens is one assignment and the base weights
are never written.
"""

from collections import OrderedDict
from pathlib import Path
from threading import Lock
from typing import Literal

import torch
from torch import nn
from torch.nn.functional import linear

from persona.adapter_folder import LoraPair, read_adapter
from persona.errors import AdapterError
from persona.linear_shapes import linear_modules

DecodeWeights = Literal["model", "int8"]


class Selection:
    """What every wrapper reads: the factors of the selected adapter by wrapper number."""

    __slots__ = ("pairs",)

    def __init__(self) -> None:
        self.pairs: tuple[tuple[torch.Tensor, torch.Tensor] | None, ...] | None = None


class AdapterLinear(nn.Module):
    """y = base(x) + B(A(x)); the update in fp32 as PEFT does, which is also the faster for one row.

    With `int8` a second copy of the weight, rounded to 8 bits per row, serves single rows only.
    """

    def __init__(self, base: nn.Linear, number: int, selection: Selection, *, int8: bool) -> None:
        super().__init__()
        self.base = base
        self.number = number
        self.selection = selection
        self.in_features = base.in_features
        self.out_features = base.out_features
        self._int8 = _to_int8(base) if int8 else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x [..., in] -> [..., out]."""
        int8 = self._int8
        if int8 is not None and x.numel() == self.in_features:
            packed = torch._weight_int8pack_mm(x.view(1, -1), *int8)
            y = packed.view(*x.shape[:-1], self.out_features)
        else:
            y = self.base(x)
        pairs = self.selection.pairs
        if pairs is None:
            return y
        pair = pairs[self.number]
        if pair is None:
            return y
        return y.add_(linear(linear(x.float(), pair[0]), pair[1]))


def _to_int8(base: nn.Linear) -> tuple[torch.Tensor, torch.Tensor] | None:
    """(weight [out, in] int8, scale [out] bf16); None where the kernel does not apply."""
    weight = base.weight
    if type(base) is not nn.Linear or base.bias is not None:
        return None
    if weight.dtype != torch.bfloat16 or weight.device.type != "cpu":
        return None
    scale = (weight.detach().float().abs().amax(dim=1) / 127).clamp_min(1e-12).bfloat16()
    rounded = (weight.detach().float() / scale.float()[:, None]).round().clamp(-127, 127)
    return rounded.to(torch.int8).contiguous(), scale


class LoraBank:
    """Adapters known, resident and selected.

    `register`, `known` and `resident` may be called from any thread; the rest belongs to the thread
    that owns the model.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        base_sha256: str,
        max_resident: int,
        decode_weights: DecodeWeights = "model",
    ) -> None:
        self._model = model
        self._base_sha256 = base_sha256
        self._max_resident = max_resident
        self._selection = Selection()
        self._lock = Lock()
        self._known: dict[str, tuple[Path, str]] = {}
        self._resident: OrderedDict[str, tuple[tuple[torch.Tensor, torch.Tensor] | None, ...]]
        self._resident = OrderedDict()
        self._references: dict[str, int] = {}
        self._wrapped: dict[str, AdapterLinear] = {}
        self._wrap(int8=decode_weights == "int8")
        self._shapes = {p: (m.out_features, m.in_features) for p, m in self._wrapped.items()}

    def _wrap(self, *, int8: bool) -> None:
        found = list(linear_modules(self._model))
        for number, (path, module) in enumerate(found):
            wrapper = AdapterLinear(module, number, self._selection, int8=int8)
            self._wrapped[path] = wrapper
            self._replace(path, wrapper)

    def _replace(self, path: str, module: nn.Module) -> None:
        parent, _, name = path.rpartition(".")
        setattr(self._model.get_submodule(parent), name, module)

    def unwrap(self) -> None:
        """Give the model its own modules back."""
        for path, wrapper in self._wrapped.items():
            self._replace(path, wrapper.base)
        self._wrapped.clear()
        with self._lock:
            self._resident.clear()

    def register(self, adapter: str, folder: Path) -> None:
        """Make a folder known under a fresh id. The same id with the same content is no change.

        Raises AdapterError when the folder is refused or the id means something else already.
        """
        weights = read_adapter(folder, shapes=self._shapes, base_sha256=self._base_sha256)
        entry = (folder.resolve(), weights.sha256)
        with self._lock:
            if self._known.setdefault(adapter, entry) != entry:
                raise AdapterError(
                    f"the adapter id {adapter!r} already means {self._known[adapter][0]}; "
                    "every version needs a fresh id"
                )

    def known(self) -> list[str]:
        """Ids in order of arrival."""
        with self._lock:
            return list(self._known)

    def resident(self) -> list[str]:
        """Ids in memory, least recently used first."""
        with self._lock:
            return list(self._resident)

    def references(self, adapter: str) -> int:
        """Running requests that hold the adapter."""
        with self._lock:
            return self._references.get(adapter, 0)

    def acquire(self, adapter: str | None) -> None:
        """Hold the adapter in memory, loading it when needed.

        Raises AdapterError when it is unknown, was altered since it was registered, or when every
        resident adapter is held.
        """
        if adapter is None:
            return
        with self._lock:
            if adapter in self._resident:
                self._resident.move_to_end(adapter)
                self._references[adapter] = self._references.get(adapter, 0) + 1
                return
            entry = self._known.get(adapter)
        if entry is None:
            raise AdapterError(f"the adapter {adapter!r} is unknown; add it to the engine first")
        loaded = self._load(*entry)
        with self._lock:
            self._make_room()
            self._resident[adapter] = loaded
            self._references[adapter] = self._references.get(adapter, 0) + 1

    def _load(
        self, folder: Path, sha256: str
    ) -> tuple[tuple[torch.Tensor, torch.Tensor] | None, ...]:
        weights = read_adapter(folder, shapes=self._shapes, base_sha256=self._base_sha256)
        if weights.sha256 != sha256:
            raise AdapterError(
                f"{folder} was altered since it was added: sha256 {weights.sha256}, was {sha256}; "
                "restore the folder or add the new version under a fresh id"
            )
        return tuple(
            _placed(weights.pairs.get(path), wrapper) for path, wrapper in self._wrapped.items()
        )

    def _make_room(self) -> None:
        while len(self._resident) >= self._max_resident:
            idle = next((a for a in self._resident if not self._references.get(a)), None)
            if idle is None:
                raise AdapterError(
                    f"all {self._max_resident} resident adapters are in use; try again later"
                )
            del self._resident[idle]

    def release(self, adapter: str | None) -> None:
        """Give back one `acquire`."""
        if adapter is None:
            return
        with self._lock:
            self._references[adapter] -= 1
            if not self._references[adapter]:
                del self._references[adapter]

    def select(self, adapter: str | None) -> None:
        """Let the model speak with a resident adapter; None is the bare base model."""
        self._selection.pairs = None if adapter is None else self._resident[adapter]


def _placed(
    pair: LoraPair | None, wrapper: AdapterLinear
) -> tuple[torch.Tensor, torch.Tensor] | None:
    if pair is None:
        return None
    device = wrapper.base.weight.device
    return pair.a.to(device), pair.b.to(device)
