"""Half-precision weights on CPUs that have no half-precision arithmetic."""

import torch
from torch import nn
from torch.nn import functional


def has_native_bfloat16(device: torch.device) -> bool:
    """Whether matrix products in bfloat16 are fast on a device; on CPUs without the instructions they crawl."""
    return device.type != "cpu" or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


class WideLinear(nn.Linear):
    """A linear layer whose weights are stored in half precision and multiplied in float32.

    Hardware for bfloat16 does the same (products summed in float32, the result rounded), so results agree to rounding.
    """

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """input (..., in_features) -> (..., out_features), in the input's type."""
        bias = None if self.bias is None else self.bias.float()
        return functional.linear(input.float(), self.weight.float(), bias).to(input.dtype)


def use_wide_products(model: nn.Module) -> None:
    """Turn every plain linear layer of a half-precision model on a CPU without such arithmetic into a WideLinear."""
    if has_native_bfloat16(torch.device("cpu")):
        return
    for module in model.modules():
        if type(module) is nn.Linear:
            module.__class__ = WideLinear
