"""Half-precision weights on CPUs that have no half-precision arithmetic."""

import torch
from torch import nn
from torch.nn import functional


def has_native_bfloat16(device: torch.device) -> bool:
    """Whether matrix products in bfloat16 are fast on a device; on CPUs without the instructions they crawl."""
    return device.type != "cpu" or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


class WideLinear(nn.Linear):
    """A linear layer whose weights are stored in half precision and used in float32."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """input (..., in_features) -> float32 (..., out_features)."""
        bias = None if self.bias is None else self.bias.float()
        return functional.linear(input.float(), self.weight.float(), bias)


class WideEmbedding(nn.Embedding):
    """An embedding that is stored in half precision and read in float32."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Ids (...) -> float32 (..., width)."""
        return super().forward(input).float()


WIDE = {nn.Linear: WideLinear, nn.Embedding: WideEmbedding}


def compute_in_float32(model: nn.Module) -> None:
    """Let a half-precision model on a CPU without such arithmetic keep its large weights so and compute in float32.

    The results are those of the rounded weights, free of the rounding of every step between.
    """
    if has_native_bfloat16(torch.device("cpu")):
        return
    for module in model.modules():
        if type(module) in WIDE:
            module.__class__ = WIDE[type(module)]
        elif not isinstance(module, (nn.Linear, nn.Embedding)):
            # Norms, biases and the like are small, and their code wants one type for weight and input.
            for parameter in module.parameters(recurse=False):
                parameter.data = parameter.data.float()


def computing_dtype(model: nn.Module) -> torch.dtype:
    """The type that a model's activations, keys and values have; that of its weights may be narrower."""
    return torch.float32 if any(isinstance(m, WideLinear) for m in model.modules()) else next(model.parameters()).dtype
