"""EpisodicLM: a language model that reads a stream of any length, forms events, stores them and recalls them."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch

from emcog.errors import OptionError
from emcog.lm import load_lm
from emcog.memory.attaching import attached
from emcog.memory.config import MemoryConfig
from emcog.memory.generating import check_generation
from emcog.memory.reader import Reader
from emcog.memory.saving import load_memory, save_memory
from emcog.memory.tables import event_table, recall_table, token_table
from emcog.memory.text import Encoded, TextLog, decode, spans_of
from emcog.options import check_number

Progress = Callable[[int, int], None] | None


class EpisodicLM:
    """A pretrained language model, not fine-tuned, with a memory of what it has read.

    Parameters
    ----------
    lm : an LM, or anything that `emcog.load_lm` takes; None is the embedded one. Its positions must be rotary.
    config : a MemoryConfig; None for the defaults.

    Attributes
    ----------
    lm : the LM. config : the MemoryConfig as it was given. settings : with what the model decides filled in.

    Raises
    ------
    ModelError : a model that cannot be given a memory; the message says why.

    Source: Fountas et al. (2025), EM-LLM.
    """

    def __init__(self, lm: Any = None, config: MemoryConfig | None = None):
        self.lm = load_lm(lm)
        self.config = MemoryConfig() if config is None else config
        self.reader = Reader(self.lm, self.config)
        self.words = TextLog(in_file=self.settings.tier == "file")
        self.n_bos = 0
        self._begun = False
        # The last token read waits for the next one: it goes through the model with what follows it.
        self._pending = np.empty(0, dtype=np.int64)
        self.place: Any = None  # where it was saved to or loaded from

    @property
    def settings(self) -> MemoryConfig:
        """The settings with everything filled in that the model decides."""
        return self.reader.config

    @property
    def n_tokens(self) -> int:
        """Tokens read, a BOS that was put in front not counted."""
        return self.reader.seen + len(self._pending) - self.n_bos

    @property
    def text(self) -> str:
        """The text read so far, as far as it is known."""
        return self.words.text

    @property
    def index_bytes(self) -> int:
        """Memory that the representatives of events take."""
        return sum(memory.index.bytes for memory in self.reader.layers.values())

    def read(self, source: Any, start: int = 0, progress: Progress = None) -> pd.DataFrame:
        """Read on.

        Parameters
        ----------
        source : a Transcript, a text, or token ids (1-D), which are read as they are.
        start : tokens of the source to leave out, because they have been read before (going on after a break).
        progress : called after each chunk as progress(tokens done, tokens in all), both of the source. The memory may
            be saved then.

        Returns
        -------
        DataFrame, one row a token: token (its position in all that was read), token_id, text, char_start, char_end (in
        the source), surprisal (bits, as it was read, with what was recalled; NaN for a first token without BOS).
        """
        found = Encoded(source, self.lm)
        start = int(check_number("start", start, low=0, high=len(found.ids), integer=True))
        self._begin(found.is_text)
        first = self.n_tokens
        self._give_boundaries(found, start)
        ends = found.char_end
        begins = np.concatenate([[0], ends[:-1]])

        def note(a: int, b: int) -> None:
            self.words.add(found.text[begins[a] : ends[b - 1]] if found.text else "", ends[a:b] - begins[a])

        self._feed(found.ids[start:], lambda a, b: note(start + a, start + b), progress, start, len(found.ids))
        surprisal = self.reader.surprisal.rows[first + self.n_bos :]
        return token_table(found, begins, start, first, surprisal)

    def score(self, source: Any) -> pd.DataFrame:
        """What `read` would return; the memory itself does not change."""
        return self.fork().read(source)

    def generate(self, prompt: Any = None, **options: Any) -> Any:
        """Read a prompt and go on from it; both become part of the memory.

        Parameters
        ----------
        prompt : text, Transcript or token ids; None to go on from what was read.
        options : transformers' own, such as max_new_tokens, do_sample, temperature, stopping_criteria.

        Returns
        -------
        The new text as a str where the model has a tokenizer and the prompt was no list of ids, otherwise the new
        token ids, int64 (n,). With return_dict_in_generate=True, what transformers returns.
        """
        check_generation(self.lm.model, options)
        ids, with_ids = np.empty(0, dtype=np.int64), False
        found = None if prompt is None else Encoded(prompt, self.lm)
        if found is not None and len(found.ids):
            with_ids = not found.is_text
            self._begin(found.is_text)
            self._give_boundaries(found, 0)
            self._feed(found.ids, lambda a, b: self._note_all(found, a, b), None, 0, len(found.ids))
            ids = found.ids
        if not len(self._pending):
            raise OptionError("there is nothing to go on from: give a prompt, or read something first")
        context = ids if len(ids) else self._pending
        output = self._generate(context, options)
        new = (output if isinstance(output, torch.Tensor) else output.sequences)[0, len(context) :].cpu().numpy()
        self._keep(new)
        if not isinstance(output, torch.Tensor):
            return output
        return new if with_ids or self.lm.tokenizer is None else self._plain(new)

    def ask(self, question: Any, **options: Any) -> Any:
        """An answer from memory, as `generate` returns it; the memory itself does not change.

        Greedy, 32 tokens at most, unless the options say otherwise.
        """
        return self.fork().generate(question, **{"max_new_tokens": 32, "do_sample": False, **options})

    def recall(self, cue: Any) -> pd.DataFrame:
        """The events that come to mind when a cue is read; the memory itself does not change.

        Returns
        -------
        DataFrame, one row an event, the strongest first: event, text, start_token, end_token, surprise, n_layers (how
        many layers recalled it by similarity), rank (mean of these), neighbour (recalled by contiguity only).
        """
        twin = self.fork()
        before = twin.reader.step
        twin._feed_all(cue)
        rows = twin.recalls
        rows = rows[rows["step"] >= before]
        similar = rows[rows["by"] == "similarity"].groupby("event")
        found = pd.DataFrame({"n_layers": similar["layer"].nunique(), "rank": similar["rank"].mean()})
        found = found.reindex(sorted(set(rows["event"]))).fillna({"n_layers": 0})
        found["n_layers"] = found["n_layers"].astype(int)
        found["neighbour"] = found["n_layers"] == 0
        events = self.events.set_index("event")[["text", "start_token", "end_token", "surprise"]]
        joined = events.join(found, how="inner").reset_index(names="event")
        return joined.sort_values(["n_layers", "rank"], ascending=[False, True], kind="stable", ignore_index=True)

    @contextmanager
    def attach(self) -> Iterator["EpisodicLM"]:
        """Within this context plain transformers code uses the memory:

            with memory.attach():
                model.generate(**inputs)

        What the model is given is read into the memory. Gradients are off. The model is restored on exit.
        """
        with attached(self):
            yield self

    @property
    def events(self) -> pd.DataFrame:
        """One row an event, in order; together they are all that was read, the last one being still open.

        event (its number), start_token, end_token (half-open), text, surprise (bits, of its first token; with
        compat="reference" of its second), n_recalled (times, over steps and layers). With compat="reference": its
        blocks only, without initial tokens and remainder.
        """
        self.reader.settle()
        return event_table(self)

    @property
    def recalls(self) -> pd.DataFrame:
        """One row an event that was recalled: step (chunk or generated token, counted from 0), layer, event, rank (0
        is the best), score (NaN where there was no choice), by ("similarity", or what the policy is; "contiguity")."""
        self.reader.settle()
        return recall_table(self)

    def fork(self, representative: str | None = None) -> "EpisodicLM":
        """An independent memory with the same past. Keys and values are shared, so it is cheap.

        Parameters
        ----------
        representative : "all" for a copy that looks at every token's key to find events, whatever the memory finds
            them by: what was read with the quicker "top" can be asked so. None: as the memory does.
        """
        twin = EpisodicLM.__new__(EpisodicLM)
        twin.__dict__ |= self.__dict__
        twin.reader, twin.words = self.reader.fork(), self.words.copy()
        if representative is not None and representative != self.config.representative:
            if representative != "all" or self.config.compat is not None:
                raise OptionError(
                    f'representative={representative!r}: a copy finds events as its memory does, or by "all" (without '
                    "compat); others need an index that is made while reading"
                )
            twin.config = replace(self.config, representative="all")
            twin.reader.find_by_all()
        return twin

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the memory into a folder; into the one where it lies already, only what is new.

        Raises
        ------
        StorageError : no space, no permission, another process writing there, or another memory there. What was saved
            before stays whole.
        """
        self.reader.settle()
        save_memory(self, folder)

    @classmethod
    def load(cls, folder: str | os.PathLike[str], lm: Any = None) -> "EpisodicLM":
        """Read a memory back; it goes on as if there had been no break.

        Parameters
        ----------
        lm : the model that it was made with; None is the embedded one.

        Raises
        ------
        StorageError : no memory there, or a damaged one. ModelError : it belongs to another model.
        """
        memory = cls.__new__(cls)
        load_memory(memory, folder, load_lm(lm))
        return memory

    @property
    def pending(self) -> np.ndarray:
        """See `attaching.Owner`."""
        return self._pending

    def sync(self) -> None:
        """Take note of tokens that the reader has read by other ways than `read`: attached, or before an error."""
        known = len(self.words)
        if known - len(self._pending) != self.reader.seen:
            self._begun = True
            self._pending = np.empty(0, dtype=np.int64)
            self.words.add(*spans_of(self.reader.ids.rows[known:], self.lm))

    def _begin(self, is_text: bool) -> None:
        """Put a BOS in front of the first text, where the model has one."""
        self.sync()
        if self._begun:
            return
        self._begun = True
        if is_text and self.lm.bos_id is not None:
            self._pending = np.array([self.lm.bos_id], dtype=np.int64)
            self.n_bos = 1
            self.words.add("", np.zeros(1, dtype=np.int64))

    def _give_boundaries(self, found: Encoded, start: int) -> None:
        """Tell the reader where events begin, as far as that is known beforehand."""
        reader, kind = self.reader, self.settings.segmentation
        if kind == "sentence":
            first = found.sentences()
            known = first[first >= start] - start + self.n_tokens + self.n_bos
            reader.given.keep_below(self.n_tokens + self.n_bos)
            reader.given.extend(known[known > self.n_bos])  # a BOS is part of the first event
        elif not isinstance(kind, str) and not len(reader.given):
            given = np.array(kind, dtype=np.int64)
            reader.given.extend(given[given > 0] + self.n_bos)

    def _feed(
        self, ids: np.ndarray, note: Callable[[int, int], None], progress: Progress, done: int, total: int
    ) -> None:
        """Read token ids chunk by chunk; the last one waits. `note` is told which have become part of the memory."""
        given = np.concatenate([self._pending, ids])
        chunk, extra = int(self.settings.chunk or 1), len(self._pending)
        for start in range(0, len(given) - 1, chunk):
            stop = min(start + chunk, len(given) - 1)
            self.reader.read_chunk(given[start:stop], int(given[stop]))
            self._pending = np.empty(0, dtype=np.int64)
            if stop > max(start, extra):
                note(max(0, start - extra), stop - extra)
            if progress is not None and stop < len(given) - 1:
                progress(done + stop - extra, total)
        if len(ids):
            self._pending = given[-1:]
            note(len(ids) - 1, len(ids))
            self.reader.settle()
            if len(self.reader.surprisal) == self.reader.seen:
                self.reader.tell(np.array([np.nan]))
        if progress is not None:
            progress(total, total)

    def _feed_all(self, source: Any) -> None:
        """Read a source to its last token."""
        found = Encoded(source, self.lm)
        self._begin(found.is_text)
        self._give_boundaries(found, 0)
        self._feed(found.ids, lambda a, b: self._note_all(found, a, b), None, 0, len(found.ids))
        last, self._pending = self._pending, np.empty(0, dtype=np.int64)
        self.reader.read_chunk(last)

    def _note_all(self, found: Encoded, a: int, b: int) -> None:
        begin = int(found.char_end[a - 1]) if a else 0
        self.words.add(found.text[begin : found.char_end[b - 1]] if found.text else "", found.char_end[a:b] - begin)

    def _generate(self, context: np.ndarray, options: dict[str, Any]) -> Any:
        """transformers' generation from the pending token, the last of `context`; the others have been read."""
        reader = self.reader
        reader.cache.base = reader.seen - (len(context) - 1)
        ids = torch.from_numpy(context)[None].to(self.lm.device)
        options = {"attention_mask": torch.ones_like(ids), **options}
        if "pad_token_id" not in options and self.lm.model.generation_config.pad_token_id is None:
            options["pad_token_id"] = self.lm.model.generation_config.eos_token_id or 0
            if isinstance(options["pad_token_id"], list):
                options["pad_token_id"] = options["pad_token_id"][0]
        if self.lm.tokenizer is not None and "stop_strings" in options:
            options.setdefault("tokenizer", self.lm.tokenizer)
        # The pending token's text is known already, and that of new ones is noted when all of them are there.
        quiet = _Quiet(self)
        with attached(quiet):
            return self.lm.model.generate(ids, past_key_values=reader.cache, **options)

    def _keep(self, new: np.ndarray) -> None:
        """Generated tokens are part of the memory; the last of them waits."""
        self._pending = np.empty(0, dtype=np.int64)
        if not len(new):
            return
        self._pending = new[-1:].astype(np.int64)
        self.words.add(*spans_of(new, self.lm))
        reader = self.reader
        reader.settle()
        if len(reader.surprisal) == reader.seen and reader.carried is not None:
            reader.tell(reader.surprise_of(reader.carried[None], self._pending))

    def _plain(self, ids: np.ndarray) -> str:
        special = set(self.lm.tokenizer.all_special_ids)
        return decode([i for i in ids.tolist() if i not in special], self.lm)


class _Quiet:
    """An owner that gives `generate`'s tokens to the reader, and nothing else."""

    def __init__(self, memory: EpisodicLM):
        self.reader = memory.reader

    @property
    def pending(self) -> np.ndarray:
        """The pending token comes with the prompt."""
        return np.empty(0, dtype=np.int64)

    def sync(self) -> None:
        """Texts are noted when all tokens are there."""
