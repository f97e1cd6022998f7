"""Arrays between host and accelerator without making the host wait: what is queued goes on meanwhile."""

import numpy as np
import torch


def upload(array: np.ndarray, device: torch.device) -> torch.Tensor:
    """A numpy array as a tensor on a device."""
    found = torch.from_numpy(array)
    if device.type != "cuda" or not len(array):
        return found.to(device)
    return found.pin_memory().to(device, non_blocking=True)


class Download:
    """A tensor on its way to the host; `get` waits until it is there.

    The copy begins as soon as the device has done what was queued before.
    """

    def __init__(self, tensor: torch.Tensor):
        tensor = tensor.detach()
        self._event = None
        if tensor.device.type == "cuda":
            self._host = tensor.to("cpu", non_blocking=True)  # into pinned memory
            self._event = torch.cuda.Event()
            self._event.record(torch.cuda.current_stream(tensor.device))
        else:
            self._host = tensor.cpu()

    def get(self) -> np.ndarray:
        """The numbers, as a numpy array."""
        if self._event is not None:
            self._event.synchronize()
        return self._host.numpy()
