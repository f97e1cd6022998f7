"""Softmax attention over some keys together with its log-sum-exp, by which such parts join exactly into one softmax."""

from functools import cache

import torch

FUSED = (torch.bfloat16, torch.float16)
"""Types for which accelerators have a fused kernel; float32 goes by the plain formula, whose products are whole."""
LARGEST = 2**26
"""Scores that the plain formula holds at once on an accelerator."""


def attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    scaling: float,
    softcap: float | None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Softmax attention and its log-sum-exp.

    Parameters
    ----------
    query : (1, heads, n, head_dim). key, value : (1, kv_heads, m, head_dim); heads is a multiple of kv_heads.
    mask : (n, m), added to the scores, or (groups * n, m), repeated already for the query heads that share a key head;
        on a CPU every row has at least one finite entry. None: every query sees every key.
    softcap : scores are squashed to softcap * tanh(score / softcap), as in Gemma 2.

    Returns
    -------
    out (1, heads, n, head_dim) and lse (1, heads, n), float32 (-inf, and out 0, where nothing is seen).
    """
    heads, kv_heads, n = query.shape[1], key.shape[1], query.shape[2]
    groups = heads // kv_heads
    # Query heads that share a key head are stacked, so no key is ever copied for them.
    q = query.reshape(1, kv_heads, groups * n, -1)
    if mask is not None:
        mask = mask.repeat(groups, 1) if groups > 1 and len(mask) == n else mask
    if q.device.type == "cpu" and softcap is None and query.shape[-1] == value.shape[-1]:
        out, lse = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
            q.contiguous(), key, value, attn_mask=None if mask is None else mask[None, None], scale=scaling
        )
    else:
        scores = _scores(q, key, scaling, softcap)
        scores = scores if mask is None else scores + mask.float()
        lse = scores.logsumexp(-1)
        out = (scores - lse.clamp_min(-1e30)[..., None]).exp().to(value.dtype) @ value
    return out.reshape(1, heads, n, -1), lse.reshape(1, heads, n)


def attend_part(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float, softcap: float | None = None,
    causal: bool = False, window: int | None = None, among: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    """What `attend` gives, where the rule of which query sees which key is one that fused kernels know.

    Parameters
    ----------
    query, key, value : as in `attend`, n queries and m keys.
    causal : query i sees key j where j <= i + m - n only. window : and where j > i + m - n - window.
    among : int (2,), the first key that anybody sees and the first behind these, known to the device alone; not with
        `window`.
    """
    width = query.shape[-1]
    if query.dtype in FUSED and softcap is None and width == value.shape[-1] and width % 8 == 0 and width <= 256:
        index = -1 if query.device.index is None else query.device.index
        if query.device.type == "cuda" and _fused_is_right(index, query.dtype, width):
            return _fused(query, key, value, scaling, causal, window, among)
    return _plain(query, key, value, scaling, softcap, causal, window, among)


def _fused(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float, causal: bool, window: int | None,
    among: torch.Tensor | None,
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    heads, n, m = query.shape[1], query.shape[2], key.shape[2]
    q, k, v = (states.transpose(1, 2) for states in (query, key, value))
    # A window that ends before no key at all is left out: kernels for few queries are quicker without.
    left = -1 if window is None or m <= window else window - 1
    right = 0 if causal and left >= 0 else -1
    ends_q = ends_k = None
    if among is not None:
        ends_q = torch.arange(0, 2 * n, n, dtype=torch.int32, device=query.device)
        ends_k = among.to(torch.int32)
        q, k, v = q[0], k[0], v[0]
    out, lse, *_ = torch.ops.aten._flash_attention_forward(
        q, k, v, ends_q, ends_k, n, m, 0.0, causal and n > 1, False, scale=scaling,
        window_size_left=left, window_size_right=right,
    )  # fmt: skip
    out, lse = out.view(1, n, heads, -1).transpose(1, 2), lse.reshape(1, heads, n)
    if among is None and (n <= m or not causal):
        return out, lse
    # The kernel says +inf where nothing is seen.
    return out, lse.masked_fill(lse == torch.inf, -torch.inf)


def _plain(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float, softcap: float | None, causal: bool,
    window: int | None, among: torch.Tensor | None,
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    heads, n, m = query.shape[1], query.shape[2], key.shape[2]
    block = max(1, LARGEST // max(1, heads * m))
    place = torch.arange(m, device=query.device)[None]
    parts = []
    for start in range(0, n, block):
        some = query[:, :, start : start + block]
        last = torch.arange(start, start + some.shape[2], device=query.device)[:, None] + (m - n)
        hidden = torch.zeros(len(last), m, dtype=torch.bool, device=query.device)
        if causal:
            hidden |= place > last
        if window is not None:
            hidden |= place <= last - window
        if among is not None:
            hidden |= (place < among[0]) | (place >= among[1])
        mask = torch.zeros(hidden.shape, device=query.device).masked_fill_(hidden, -torch.inf)
        groups = heads // key.shape[1]
        q = some.reshape(1, key.shape[1], groups * len(last), -1)
        scores = _scores(q, key, scaling, softcap) + mask.repeat(groups, 1)
        lse = scores.logsumexp(-1)
        out = (scores - lse.clamp_min(-1e30)[..., None]).exp().to(value.dtype) @ value
        parts.append((out.reshape(1, heads, len(last), -1), lse.reshape(1, heads, -1)))
    if len(parts) == 1:
        return parts[0]
    return torch.cat([out for out, _ in parts], 2), torch.cat([lse for _, lse in parts], 2)


@cache
def _fused_is_right(index: int, dtype: torch.dtype, width: int) -> bool:
    """Whether the library's fused kernel is there and follows our rules, tried out once a device, type and width."""
    device = torch.device("cuda", index)
    random = torch.Generator(device).manual_seed(0)
    with torch.no_grad(), torch.cuda.device(device):
        most, some, none = torch.tensor([[5, 20], [3, 11], [20, 20]], dtype=torch.int32, device=device)
        for n, m, rule in (
            (7, 20, {"causal": True, "window": 9}), (7, 5, {"causal": True}), (7, 20, {"causal": True, "among": most}),
            (7, 20, {"among": most}), (1, 20, {"causal": True, "window": 20}), (1, 20, {"among": most}),
            (1, 20, {"among": some}), (1, 20, {"among": none}),
        ):  # fmt: skip
            q, k, v = (
                torch.randn(1, heads, length, width, device=device, dtype=dtype, generator=random)
                for heads, length in ((4, n), (2, m), (2, m))
            )
            given = {"causal": False, "window": None, "among": None} | rule
            wanted, wanted_lse = _plain(q.float(), k.float(), v.float(), width**-0.5, None, **given)
            try:
                out, lse = _fused(q, k, v, width**-0.5, **given)
            except (RuntimeError, TypeError, NotImplementedError):
                return False
            known = wanted_lse > -torch.inf
            same = bool((known == (lse > -torch.inf)).all()) and bool((out.float() - wanted).abs().max() < 0.05)
            if not same or float(torch.where(known, (lse - wanted_lse).abs(), 0).max()) > 0.02:
                return False
    return True


def merge_parts(
    out: torch.Tensor, lse: torch.Tensor, other: torch.Tensor, other_lse: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Two attentions of the same queries on different keys, as one softmax over all keys; shapes as in `attend`."""
    share = torch.sigmoid(lse - other_lse)[..., None].to(out.dtype)
    return torch.lerp(other, out, share), torch.logaddexp(lse, other_lse)


def merge_far(
    out: torch.Tensor, lse: torch.Tensor, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor,
    first: int, scaling: float, softcap: float | None,
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    """Add keys to a finished attention, as if all had been in one softmax.

    Parameters
    ----------
    out, lse : what `attend` returned for the same queries.
    query, key, value : for the added part; query i sees added key j where j <= first + i.

    Returns
    -------
    out and lse of all keys together.
    """
    heads, kv_heads, n, m = query.shape[1], key.shape[1], query.shape[2], key.shape[2]
    q = query.reshape(1, kv_heads, -1, query.shape[-1])
    scores = _scores(q, key, scaling, softcap).reshape(1, heads, n, m)
    if first < m - 1:
        rows = torch.arange(n, device=query.device)[:, None]
        hidden = torch.arange(m, device=query.device)[None] > first + rows
        scores = scores.masked_fill(hidden, -torch.inf)
    total = torch.logaddexp(lse.float(), scores.logsumexp(-1))
    weights = (scores - total[..., None]).exp().to(value.dtype).reshape(1, kv_heads, -1, m)
    added = (weights @ value).reshape(out.shape)
    return out * (lse - total).exp()[..., None].to(out.dtype) + added, total


def _scores(query: torch.Tensor, key: torch.Tensor, scaling: float, softcap: float | None) -> torch.Tensor:
    scores = (query @ key.mT).float() * scaling
    return scores if softcap is None else torch.tanh(scores / softcap) * softcap
