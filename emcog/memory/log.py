"""The memory log: every token's key and value, layer by layer, in order, append-only. An event is a range of it.

The slowest tier that a configuration names holds everything; faster ones that were given bytes hold the newest part.
A fork, or a memory that was loaded, stands on the frozen beginning of another log and adds rows of its own behind it.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import torch

from emcog.errors import OptionError, StorageError
from emcog.lm.transfer import Download, upload
from emcog.memory.config import TIERS, MemoryConfig
from emcog.memory.rows import GROUP, ByteRows, FullRows, Shape
from emcog.memory.tiers import ArenaTier, FileTier, Tier


class TieredRows:
    """Rows of one layer, in one tier or in several.

    Parameters
    ----------
    width, dtype : of a row. device : the accelerator (the layer's device).
    tier, budget : the tier that holds all rows; bytes for this layer in each tier that has a limit.
    """

    def __init__(self, width: int, dtype: torch.dtype, device: torch.device, tier: str, budget: Mapping[str, int]):
        self.count = self._highest = 0
        self.device = device
        self.width, self.dtype = width, dtype
        self._base: TieredRows | None = None
        self._base_count = 0
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        row_bytes = width * dtype.itemsize
        self._limit = budget[tier] // row_bytes if tier in budget and tier != "file" else None
        self._tier_name = tier
        self._tiers: list[Tier] = []  # fastest first; the last holds everything
        for faster in TIERS[: TIERS.index(tier)]:
            if faster in budget:
                capacity = budget[faster] // row_bytes
                if capacity < 1:
                    raise OptionError(
                        f"budget of {faster}: {budget[faster]} bytes a layer hold no row ({row_bytes} bytes)"
                    )
                self._tiers.append(self._arena(faster, capacity))
        in_file = tier == "file"
        self._tiers.append(FileTier(width, dtype, limit=budget.get("file")) if in_file else self._arena(tier, None))

    def _arena(self, tier: str, capacity: int | None) -> ArenaTier:
        on_device = tier == "accelerator"
        where = self.device if on_device else torch.device("cpu")
        stream = None if on_device else self._stream
        return ArenaTier(self.width, self.dtype, where, capacity, stream)

    @property
    def on_device(self) -> bool:
        """Whether all rows lie on the accelerator, where it can gather them by itself."""
        mine = self._tier_name == "accelerator" and len(self._tiers) == 1
        return mine and isinstance(self._tiers[0], ArenaTier) and (self._base is None or self._base.on_device)

    def gather_on_device(self, index: torch.Tensor) -> torch.Tensor:
        """The rows at positions that the device alone knows."""
        if self._base is None:
            return self._tiers[0].pick(index)  # type: ignore[attr-defined]
        before = index < self._base_count
        old = self._base.gather_on_device(index.clamp(max=self._base_count - 1))
        new = self._tiers[0].pick((index - self._base_count).clamp_(min=0))  # type: ignore[attr-defined]
        return torch.where(before[:, None], old, new)

    def put_on_device(self, place: torch.Tensor, rows: torch.Tensor) -> None:
        """Put a row (1, width) at a position that the device alone knows; there is room (`reserve`)."""
        self._tiers[0].put(place - self._base_count if self._base_count else place, rows)  # type: ignore[attr-defined]

    def reserve(self, start: int) -> None:
        """Make room for a row at `start`, which the device is about to put there."""
        self._check(start + 1)
        self._tiers[0].make_room(start - self._base_count, 1)  # type: ignore[attr-defined]
        self._count(start + 1)

    @property
    def places(self) -> list[torch.Tensor]:
        """The tensors that hold all rows, where these lie on the device."""
        own = self._tiers[0].rows  # type: ignore[attr-defined]
        return [own] if self._base is None else [own, *self._base.places]

    def write(self, start: int, rows: torch.Tensor) -> None:
        """Put rows (n, width) at positions start, ...; everything before `start` must be there."""
        self._check(start + len(rows))
        for tier in self._tiers:
            tier.write(start - self._base_count, rows)
        self._count(start + len(rows))

    def _check(self, stop: int) -> None:
        if self._limit is not None and stop > self._limit:
            raise StorageError(
                f"the memory's budget for tier {self._tier_name!r} is used up at {self.count:,} tokens: give a larger "
                "one, or a slower tier"
            )

    def _count(self, stop: int) -> None:
        self.count = stop
        self._highest = max(self._highest, stop)

    def gather(self, index: np.ndarray) -> torch.Tensor:
        """The rows at these positions (increasing, repeats allowed), on the accelerator; one indexed copy a tier."""
        parts = []
        own = 0
        if self._base is not None:
            own = int(np.searchsorted(index, self._base_count))
            if own:
                parts.append(self._base.gather(index[:own]))
        index = index[own:] - self._base_count
        stop, found = len(index), []
        for place, tier in enumerate(self._tiers):
            # A reading that failed half-way may have overwritten rows of a ring beyond `count`.
            newest = self._highest - self._base_count - tier.capacity if tier.capacity is not None else 0
            first = int(np.searchsorted(index[:stop], newest)) if place < len(self._tiers) - 1 else 0
            if first < stop:
                found.append(self._bring(tier.gather(index[first:stop])))
            stop = first
        parts += found[::-1]
        if not parts:
            return torch.empty(0, self.width, dtype=self.dtype, device=self.device)
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def blocks(self, start: int, stop: int, count: int) -> Iterator[torch.Tensor]:
        """The rows from `start` to before `stop`, in order, at most `count` at a time, on the accelerator.

        They are looked at where they lie in the tier that holds all: nothing is copied that is there.
        """
        if self._base is not None and start < self._base_count:
            yield from self._base.blocks(start, min(stop, self._base_count), count)
        for low in range(max(start, self._base_count), stop, count):
            high = min(low + count, stop)
            found = self._tiers[-1].look(low - self._base_count, high - self._base_count)
            yield found.to(self.device, non_blocking=True)

    def _bring(self, rows: torch.Tensor) -> torch.Tensor:
        """Rows over to the accelerator, on a stream of their own where there is one; see `arrived`."""
        if rows.device == self.device or self._stream is None:
            return rows.to(self.device)
        # Another stream's work is not waited for: rows on the host are there when they are gathered.
        with torch.cuda.stream(self._stream):
            return rows.to(self.device, non_blocking=True)

    def arrived(self, rows: torch.Tensor) -> torch.Tensor:
        """Make the computation wait until gathered rows are there; what was queued before goes on meanwhile."""
        if self._stream is not None:
            torch.cuda.current_stream(self.device).wait_stream(self._stream)
            rows.record_stream(torch.cuda.current_stream(self.device))
        return rows

    def on_file(self, path: Path, count: int) -> None:
        """Stand on the first `count` rows of a file, which nobody changes."""
        base = TieredRows.__new__(TieredRows)
        base.__dict__ |= self.__dict__
        base._base, base._base_count, base.count, base._highest = None, 0, count, count
        base._tiers = [FileTier(self.width, self.dtype, path)]
        self._base, self._base_count = base, count
        self.count = self._highest = count

    def fork(self, empty: "TieredRows") -> "TieredRows":
        """`empty` made to stand on what this holds now."""
        empty._base, empty._base_count = self, self.count
        empty.count = empty._highest = self.count
        return empty


class LayerLog:
    """Keys and values of one layer, encoded into rows.

    In 8 bits, keys share scales in groups of tokens; the newest tokens, whose group is not full, wait as they are.
    """

    def __init__(self, layer: int, shape: Shape, config: MemoryConfig, budget: Mapping[str, int]):
        self.layer, self.shape, self.config, self._budget = layer, shape, config, budget
        self.waiting: tuple[torch.Tensor, torch.Tensor] | None = None
        self.full = FullRows(shape)
        self.eight: tuple[ByteRows, TieredRows] | None = None  # the code, and the scales of keys
        if config.storage == "8bit":
            code = ByteRows(shape)
            self.eight = (code, self._make(code.scale_width, torch.float32, {}))
        self.rows = self._make(self.code.width, self.code.dtype, budget)

    @property
    def code(self) -> FullRows | ByteRows:
        """How tokens become rows."""
        return self.full if self.eight is None else self.eight[0]

    @property
    def scales(self) -> TieredRows | None:
        """The scales of keys in 8 bits."""
        return None if self.eight is None else self.eight[1]

    def _make(self, width: int, dtype: torch.dtype, budget: Mapping[str, int]) -> TieredRows:
        return TieredRows(width, dtype, self.shape.device, self.config.tier, budget)

    @property
    def on_device(self) -> bool:
        """Whether all lies on the accelerator as it was, where it can gather it by itself."""
        return self.eight is None and self.rows.on_device

    def append(self, start: int, key: torch.Tensor, value: torch.Tensor) -> None:
        """Add keys and values (1, kv_heads, n, size) of tokens start, start + 1, ..."""
        if self.eight is None:
            self.rows.write(start, self.full.encode(key, value))
            return
        code, log = self.eight
        if self.waiting is not None:
            key = torch.cat([self.waiting[0], key], dim=2)
            value = torch.cat([self.waiting[1], value], dim=2)
        whole = key.shape[2] // GROUP * GROUP
        for first in range(0, whole, GROUP):
            k, v = (x[:, :, first : first + GROUP] for x in (key, value))
            scales = code.key_scales(k)
            log.write(log.count, scales)
            self.rows.write(self.rows.count, code.encode(k, v, scales))
        self.waiting = (key[:, :, whole:].clone(), value[:, :, whole:].clone())

    def fetch(self, index: np.ndarray) -> "Fetched":
        """Begin to bring the keys and values of these tokens (increasing); `get` on what is returned waits for them."""
        if self.eight is None:
            return Fetched(self, index, self.rows.gather(index))
        done = int(np.searchsorted(index, self.rows.count))
        return Fetched(self, index, self.rows.gather(index[:done]), self.eight[1].gather(index[:done] // GROUP))

    def sight(self, index: torch.Tensor, spare: torch.Tensor, stop: torch.Tensor | None = None) -> "Sight":
        """What lies at positions that the device alone knows, the first `spare` of them, and those from `stop` on, for
        show."""
        if self.on_device:
            found = self.full.decode(self.rows.gather_on_device(index))
            return Sight(lambda: found, spare, stop)
        # The host learns them while the device attends to the window, and brings what lies there.
        places = Download(index)
        return Sight(lambda: self._fetch_in_any_order(places.get()), spare, stop)

    def _fetch_in_any_order(self, index: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        if (np.diff(index) >= 0).all():
            return self.fetch(index).get()
        order = np.argsort(index, kind="stable")
        key, value = self.fetch(index[order]).get()
        back = upload(np.argsort(order), key.device)
        return key[:, :, back], value[:, :, back]

    def key_rows(self, start: int, stop: int, count: int) -> Iterator[torch.Tensor]:
        """The raw keys of tokens from `start` to before `stop`, (n, kv_heads * size), at most `count` at a time."""
        if self.eight is not None:
            for low in range(start, stop, count):
                key, _ = self.fetch(np.arange(low, min(low + count, stop))).get()
                yield key[0].transpose(0, 1).flatten(1)
            return
        for rows in self.rows.blocks(start, stop, count):
            yield rows[:, : self.shape.key_width]

    def on_files(self, folder: Path, counts: Mapping[str, int]) -> None:
        """Stand on a saved memory's files; what was held here is let go."""

        def stand(kind: str, rows: TieredRows, budget: Mapping[str, int]) -> TieredRows:
            """Rows that begin with those of a file."""
            name = f"layer-{self.layer:03d}.{kind}"
            empty = self._make(rows.width, rows.dtype, budget)
            empty.on_file(folder / name, counts[name])
            return empty

        self.rows = stand("rows", self.rows, self._budget)
        if self.eight is not None:
            self.eight = (self.eight[0], stand("scales", self.eight[1], {}))

    def mark(self) -> Callable[[], None]:
        """Remember how much there is; calling what is returned forgets what came after."""
        rows, scales, waiting = self.rows.count, self.scales.count if self.scales else 0, self.waiting

        def go_back() -> None:
            self.rows.count, self.waiting = rows, waiting
            if self.scales is not None:
                self.scales.count = scales

        return go_back

    def fork(self) -> "LayerLog":
        """A log that begins with what this one holds now."""
        # A fork adds little: its own rows lie in the slowest tier alone, and take no second share of the faster ones.
        budget = {tier: size for tier, size in self._budget.items() if tier == self.config.tier}
        twin = LayerLog(self.layer, self.shape, self.config, budget)
        self.rows.fork(twin.rows)
        if self.scales is not None and twin.scales is not None:
            self.scales.fork(twin.scales)
        twin.waiting = self.waiting
        return twin


class Fetched:
    """Keys and values on their way."""

    def __init__(self, log: LayerLog, index: np.ndarray, rows: torch.Tensor, *scales: torch.Tensor):
        self._log, self._index, self._rows, self._scales = log, index, rows, scales

    def get(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values (1, kv_heads, n, size)."""
        rows = self._log.rows.arrived(self._rows)
        if self._log.eight is None:
            return self._log.full.decode(rows)
        code, scales = self._log.eight
        found = code.decode(rows, *(scales.arrived(some) for some in self._scales))
        late = self._index[len(rows) :] - self._log.rows.count
        if not len(late) or self._log.waiting is None:
            return found
        places = torch.from_numpy(late).to(rows.device)
        key, value = (torch.cat([a, b[:, :, places]], 2) for a, b in zip(found, self._log.waiting, strict=True))
        return key, value


class Sight:
    """What a chunk remembers, perhaps still on its way.

    Attributes
    ----------
    spare : int (1,), how many in front stand for nothing; None: none of them.
    stop : int (1,), where the last end that stand for something; None: at the end.
    """

    def __init__(
        self, bring: Callable[[], tuple[torch.Tensor, torch.Tensor]], spare: torch.Tensor | None = None,
        stop: torch.Tensor | None = None,
    ):  # fmt: skip
        self._bring, self.spare, self.stop = bring, spare, stop

    def get(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Un-rotated keys and values (1, kv_heads, n, size)."""
        return self._bring()


class MemoryLog:
    """The logs of all layers that hold memory.

    Parameters
    ----------
    shapes : of the layers that hold memory, by their number.
    """

    def __init__(self, shapes: Mapping[int, Shape], config: MemoryConfig):
        budget = {tier: size // max(1, len(shapes)) for tier, size in (config.budget or {}).items()}
        self.config = config
        self.layers = {layer: LayerLog(layer, shape, config, budget) for layer, shape in shapes.items()}

    def fork(self) -> "MemoryLog":
        """A log that begins with what this one holds now; no row is copied."""
        twin = MemoryLog({}, self.config)
        twin.layers = {layer: log.fork() for layer, log in self.layers.items()}
        return twin

    def on_files(self, folder: Path, counts: Mapping[str, int]) -> None:
        """Stand on a saved memory's files; `counts` says how many rows of each are whole."""
        for log in self.layers.values():
            log.on_files(folder, counts)

    @property
    def bytes_of_token(self) -> int:
        """Bytes that a token takes, over all layers."""
        return sum(log.code.width * log.code.dtype.itemsize for log in self.layers.values())
