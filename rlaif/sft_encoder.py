"""The base model cut in three: a frozen part whose work is kept, a part with LoRA, and the rest.

Nothing of the base itself is changed: the frozen layers are shared with whoever else reads it, the
layers that get LoRA are copies, and the layers above them and the output head are not run at all.
"""

import copy
from collections.abc import Mapping, Sequence

import torch
from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training
from torch import nn

from persona.base_model import LoadedModel
from persona.feature_dropout import use_feature_dropout
from persona.sft import TARGET_MODULES, keep_trainable
from rlaif.errors import EvaluatorError
from rlaif.sft_settings import Pooled, RegressorSettings
from rlaif.sft_texts import Reading, Seat

_SEATS: Mapping[Pooled, tuple[Seat, ...]] = {
    "rated": (Seat.RATED, Seat.REPLY),
    "rater": (Seat.RATER,),
    "reply": (Seat.REPLY,),
}


class Encoder(nn.Module):
    """Turns readings into mean hidden states; LoRA factors are its only trainable weights.

    Below the first trained layer everything is fixed, so what the layers there make of a text is
    computed once and kept while there is room for it.
    """

    def __init__(self, loaded: LoadedModel, settings: RegressorSettings) -> None:
        super().__init__()
        inner = loaded.model.base_model
        layers = list(getattr(inner, "layers", ()))
        if not layers:
            raise EvaluatorError(
                f"{type(inner).__name__} has no list of layers; expected a decoder such as Gemma or "
                "Llama: see `yogeiko model list`"
            )
        read = settings.layers_read or max(1, len(layers) // 2)
        if read > len(layers):
            raise EvaluatorError(
                f"the base has {len(layers)} layers and {read} are to be read; expected no more than "
                "there are"
            )
        frozen = max(0, read - settings.layers_trained)
        self._groups = tuple(_SEATS[name] for name in settings.pooled)
        self.features = len(self._groups) * int(inner.config.hidden_size)
        self._device = next(inner.parameters()).device
        self._room = settings.kept_tokens
        self._kept: dict[tuple[int, ...], torch.Tensor] = {}
        # In a tuple, so that the frozen part is no child whose weights would be this module's.
        self._frozen = (_view(inner, layers[:frozen]),)
        self.trained = _with_lora(inner, layers[frozen:read], frozen, loaded, settings)

    def forward(self, readings: Sequence[Reading]) -> torch.Tensor:
        """[readings, features] fp32: means over the tokens of whom the settings name.

        Readings of the same tokens are one pass. Texts are never padded, so a figure does not
        depend on its neighbours.
        """
        hidden: dict[tuple[int, ...], torch.Tensor] = {}
        for one in readings:
            if one.ids not in hidden:
                hidden[one.ids] = self._states(one.ids)
        return torch.stack([_pooled(hidden[one.ids], one.seats, self._groups) for one in readings])

    @torch.no_grad()
    def embedded(self, ids: Sequence[int]) -> torch.Tensor:
        """[tokens, width] what the first layer gets of tokens."""
        embed = self._frozen[0].get_submodule("embed_tokens")
        embedded: torch.Tensor = embed(torch.tensor(list(ids), device=self._device))
        return embedded

    def features_of(self, embeddings: torch.Tensor, seats: Sequence[int]) -> torch.Tensor:
        """[rows, features] fp32 of [rows, tokens, width], differentiable; nothing is kept."""
        states: torch.Tensor = self._frozen[0](inputs_embeds=embeddings, use_cache=False)[0]
        if self.trained is not None:
            states = self.trained(inputs_embeds=states, use_cache=False).last_hidden_state
        return torch.stack([_pooled(row.float(), seats, self._groups) for row in states])

    def _states(self, ids: tuple[int, ...]) -> torch.Tensor:
        """Hidden states above the trained layers, [tokens, width] fp32."""
        below = self._below(ids)
        if self.trained is None:
            return below[0].float()
        above: torch.Tensor = self.trained(inputs_embeds=below, use_cache=False).last_hidden_state
        return above[0].float()

    def _below(self, ids: tuple[int, ...]) -> torch.Tensor:
        """What the frozen layers make of a text, [1, tokens, width]."""
        known = self._kept.get(ids)
        if known is not None:
            return known
        with torch.no_grad():
            tokens = torch.tensor([ids], device=self._device)
            states: torch.Tensor = self._frozen[0](input_ids=tokens, use_cache=False)[0]
        if len(ids) <= self._room:
            self._room -= len(ids)
            self._kept[ids] = states
        return states


class _Passed(nn.Module):
    """Stands where a frozen layer was, so that the others keep their numbers and kinds."""

    def forward(self, hidden_states: torch.Tensor, **_: object) -> torch.Tensor:
        """Return what comes in."""
        return hidden_states


def _view(inner: nn.Module, layers: Sequence[nn.Module]) -> nn.Module:
    """The same decoder with other layers and without its last norm, sharing all weights."""
    view = copy.copy(inner)
    # A shallow copy shares the dictionary of children, and so would change them for both.
    view.__dict__["_modules"] = dict(inner._modules)
    view.layers = nn.ModuleList(layers)
    view.norm = nn.Identity()
    return view


def _with_lora(
    inner: nn.Module,
    layers: Sequence[nn.Module],
    frozen: int,
    loaded: LoadedModel,
    settings: RegressorSettings,
) -> nn.Module | None:
    """Copies of the layers with LoRA; None when none is trained."""
    if not layers:
        return None
    view = _view(inner, [*(_Passed() for _ in range(frozen)), *copy.deepcopy(list(layers))])
    # It starts from hidden states; the embedding must not be prepared for training along with it.
    view.embed_tokens = nn.Identity()
    if loaded.quantization == "nf4":
        view = prepare_model_for_kbit_training(view, use_gradient_checkpointing=False)
        keep_trainable(view)
    model: nn.Module = get_peft_model(
        view,
        LoraConfig(
            r=settings.rank,
            lora_alpha=settings.alpha,
            lora_dropout=settings.dropout,
            target_modules=list(TARGET_MODULES),
            task_type="FEATURE_EXTRACTION",
        ),
    )
    use_feature_dropout(model)
    return model


def _pooled(
    states: torch.Tensor, seats: Sequence[int], groups: Sequence[tuple[Seat, ...]]
) -> torch.Tensor:
    """Means of the rows of each group, one after the other; zeros for a group without tokens."""
    of = torch.tensor(seats, device=states.device)
    parts = []
    for group in groups:
        own = torch.isin(of, torch.tensor([int(seat) for seat in group], device=states.device))
        parts.append(own.float() @ states / own.sum().clamp_min(1))
    return torch.cat(parts)
