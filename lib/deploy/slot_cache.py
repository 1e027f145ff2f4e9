"""The keys and values of the prompts that a model answers together."""

from typing import Any


class SlotCache:
    """Keys and values of each slot: (slots, heads, tokens, head size) in each layer.

    What transformers asks of a cache: `update` writes at the places given and returns what the
    queries may see.
    """

    is_compileable = False

    def __init__(self, num_layers: int, slots: int) -> None:
        self._slots = slots
        self._layers: list[tuple[Any, Any] | None] = [None] * num_layers
        self._rows = slice(0)
        self._positions: Any = None  # (slots, tokens)

    def place(self, first: int, positions: Any) -> None:
        self._rows, self._positions = slice(first, first + len(positions)), positions

    def update(self, keys: Any, values: Any, layer_idx: int, *_: Any, **__: Any) -> tuple[Any, Any]:
        import torch

        length = int(self._positions.max()) + 1
        kept = self._room(layer_idx, keys, length)
        rows = torch.arange(self._slots, device=keys.device)[self._rows, None]
        for one, new in zip(kept, (keys, values), strict=True):
            one.transpose(1, 2)[rows, self._positions] = new.transpose(1, 2)
        seen_keys, seen_values = (one[self._rows, :, :length] for one in kept)
        return seen_keys, seen_values

    def copy(self, source: int, target: int, length: int) -> None:
        import torch

        with torch.inference_mode():
            for layer in self._layers:
                for one in layer or ():
                    one[target, :, :length] = one[source, :, :length]

    def get_seq_length(self, *_: Any) -> int:
        return int(self._positions.min())

    def _room(self, layer: int, keys: Any, length: int) -> tuple[Any, Any]:
        kept = self._layers[layer]
        if kept is None or kept[0].shape[2] < length:
            shape = (self._slots, keys.shape[1], length + 256, keys.shape[3])
            larger = keys.new_zeros(shape), keys.new_zeros(shape)
            for new, old in zip(larger, kept or (), strict=False):
                new[:, :, : old.shape[2]] = old
            self._layers[layer] = kept = larger
        return kept
