"""Loading a causal language model: the embedded one, any Hugging Face one, or one that is already there."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from emcog.columns import Characters
from emcog.errors import ModelError, OptionError
from emcog.excerpts import first_words
from emcog.lm.encoding import encode_in_pieces
from emcog.lm.precision import compute_in_float32
from emcog.options import check_choice

EMBEDDED = Path(__file__).parent / "embedded"
HUB_TIMEOUT_S = 4.0
SPREAD = "spread"
"""The device that stands for all GPUs together."""
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True, eq=False)
class LM:
    """A causal language model and its tokenizer, ready to listen.

    Attributes
    ----------
    model : transformers model for causal LM, in evaluation mode.
    tokenizer : its tokenizer; None if only token ids will be given.
    name : "embedded", a model's name or folder, or the class of a model that was given.
    """

    model: Any
    tokenizer: Any
    name: str
    _checked: dict[str, bool] = field(default_factory=dict, repr=False)

    @property
    def device(self) -> torch.device:
        """Where the model's input goes."""
        return self.model.get_input_embeddings().weight.device

    @property
    def limit(self) -> int:
        """Longest context in tokens that the model was made for."""
        config = self.model.config.get_text_config(decoder=True)
        for key in ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "seq_length"):
            if isinstance(value := getattr(config, key, None), int) and value > 0:
                return value
        return 2048

    @property
    def n_vocabulary(self) -> int:
        """Token ids that the model has."""
        return self.model.get_input_embeddings().weight.shape[0]

    @property
    def bos_id(self) -> int | None:
        """The token that begins a text, where the model has one."""
        if self.tokenizer is not None:
            return self.tokenizer.bos_token_id
        return None

    @cached_property
    def weight_hash(self) -> str:
        """SHA-256 of every tensor's name, shape and up to 4,096 evenly spaced values (as float32), so that large models
        are told apart in little time."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.model.state_dict().items()):
            digest.update(f"{name} {tuple(tensor.shape)}".encode())
            flat = tensor.detach().reshape(-1)
            sample = flat[:: max(1, flat.numel() // 4096)][:4096]
            digest.update(sample.float().cpu().numpy().tobytes())
        return digest.hexdigest()

    def encode(self, text: Characters) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Token ids of a text and the spans of characters they stand for; no special token is added.

        A special token's name in the text ("<|end|>") is text like any other.

        Returns
        -------
        token_ids, char_start, char_end : int64 arrays (n_tokens,). The spans tile the text: the first begins at 0, each
            begins where the one before it ends, the last ends at len(text). So white space that a tokenizer drops goes
            with the token that follows it, and a character that is split over several tokens belongs to the first of
            them (the others' spans are empty).
        """
        parts = list(self.encode_in_pieces(text))
        ids, ends = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
        return ids, np.concatenate([[0], ends[:-1]]), ends

    def encode_in_pieces(self, text: Characters) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The same piece by piece, for a text that is not to be held: token_ids and char_end."""
        if self.tokenizer is None:
            raise ModelError(f"{self.name} has no tokenizer: give token ids, or load it with tokenizer=...")
        if not getattr(self.tokenizer, "is_fast", False):
            raise ModelError(
                f"the tokenizer of {self.name} gives no character offsets: use a model with a fast tokenizer"
            )
        last = None
        for ids, ends in encode_in_pieces(self._encode, text):
            if last is not None:
                yield last
            last = (ids, ends) if len(ids) else last
        if last is None:
            raise ModelError(f"the tokenizer of {self.name} finds no token in this text")
        last[1][-1] = len(text)
        yield last

    def _encode(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        encoded = self.tokenizer(
            text, add_special_tokens=False, return_offsets_mapping=True, verbose=False, return_attention_mask=False,
            split_special_tokens=True,
        )  # fmt: skip
        ids = np.asarray(encoded["input_ids"], dtype=np.int64)
        ends = np.asarray(encoded["offset_mapping"], dtype=np.int64).reshape(-1, 2)[:, 1]
        return ids, np.minimum(np.maximum.accumulate(ends), len(text))


def load_lm(
    name: Any = None,
    device: str = "auto",
    dtype: str = "auto",
    tokenizer: Any = None,
    trust_remote_code: bool = False,
) -> LM:
    """Load a causal language model to listen with.

    Parameters
    ----------
    name : None or "embedded" for the small model that comes with emcog; the name or folder of any Hugging Face causal
        LM; or a transformers model that is already loaded, which is taken as it is (device and dtype are then its own).
    device : "auto" (a GPU where there is one, else the CPU), "cpu", "cuda", "cuda:1", "mps", ...; "spread" lays the
        layers of a model that is too large for one GPU over all of them (by accelerate, which must be installed).
    dtype : "auto" (bfloat16 on a GPU, float32 elsewhere), "float32", "bfloat16" or "float16".
    tokenizer : for a model that is already loaded; without one it takes token ids only.
    trust_remote_code : allow a model repository to run code of its own. Off unless you trust it.

    Returns
    -------
    LM

    Raises
    ------
    ModelError : the model is not there or is no causal LM. OptionError : a wrong device or dtype.
    """
    if isinstance(name, LM):
        return name
    if isinstance(name, nn.Module):
        _check_in_place(name)
        check_causal(name.eval(), type(name).__name__)
        return LM(name, tokenizer, type(name).__name__)
    if name == "":
        raise ModelError("the model's name is empty: give a name or folder, or leave it out for the embedded one")
    spread = device == SPREAD
    if spread and find_spec("accelerate") is None:
        raise OptionError(f"device={SPREAD!r} needs the package accelerate: pip install accelerate")
    where = find_device("auto" if spread else device)
    kind = DTYPES[check_choice("dtype", dtype, ["auto", *DTYPES])] if dtype != "auto" else None
    kind = kind or (torch.bfloat16 if where.type == "cuda" else torch.float32)
    label = "embedded" if name is None else str(name)
    embedded = label == "embedded" and not Path(label).exists()
    if embedded:
        from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

        with no_progress_bar():
            model = LlamaForCausalLM.from_pretrained(EMBEDDED, dtype=kind, use_safetensors=True, local_files_only=True)
        tokenizer = PreTrainedTokenizerFast.from_pretrained(EMBEDDED, local_files_only=True)
    else:
        model, tokenizer = _from_hub(label, kind, trust_remote_code, {"device_map": "auto"} if spread else {})
        _check_in_place(model)
        check_causal(model, label)
    # What accelerate has laid out lies where it should.
    model = (model if spread and not embedded else model.to(where)).eval().requires_grad_(False)
    if where.type == "cpu" and kind != torch.float32:
        compute_in_float32(model)
    return LM(model, tokenizer, label)


@contextmanager
def no_progress_bar() -> Iterator[None]:
    """transformers shows none meanwhile: some megabytes are there at once."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _from_hub(name: str, dtype: torch.dtype, trust_remote_code: bool, where: dict[str, str]) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if Path(name).is_dir() and not (Path(name) / "config.json").exists():
        raise ModelError(f"{name} holds no model: a folder with config.json and *.safetensors is needed")
    shared: dict[str, Any] = {"trust_remote_code": trust_remote_code}
    if not Path(name).is_dir() and not _hub_answers():
        shared["local_files_only"] = True  # what is in the cache is there at once; the library would try for minutes
    try:
        model = AutoModelForCausalLM.from_pretrained(name, dtype=dtype, use_safetensors=True, **where, **shared)
        tokenizer = AutoTokenizer.from_pretrained(name, **shared)
    # What goes wrong here (no network, no such name, another kind of model, a damaged file) has no common class.
    except Exception as error:
        reason = first_words(str(error), 300).rstrip(".")
        if "local_files_only" in shared and isinstance(error, OSError):
            reason = "no such folder, not whole in the cache, and the Hugging Face hub cannot be reached from here"
        raise ModelError(
            f"cannot load {name!r} as a causal language model: {reason}; give a Hugging Face name, a folder with a "
            "model, or leave it out for the embedded one"
        ) from error
    return model, tokenizer


def _hub_answers() -> bool:
    """Whether the Hugging Face hub can be reached (and may be), found out in a few seconds."""
    from huggingface_hub import constants
    from huggingface_hub.utils import get_session

    if constants.HF_HUB_OFFLINE:
        return False
    try:
        get_session().head(constants.ENDPOINT, timeout=HUB_TIMEOUT_S)
    except Exception:  # no network, no name, a proxy's refusal, as the HTTP library of the day calls them
        return False
    return True


def _check_in_place(model: nn.Module) -> None:
    """Raise a ModelError for a model of which accelerate has put a part aside, to be fetched when it is run."""
    hooked = any(hasattr(module, "_hf_hook") for module in model.modules())
    if hooked and any(parameter.is_meta for parameter in model.parameters()):
        raise ModelError(
            f"parts of this {type(model).__name__} are offloaded (to memory or disk, by accelerate): spread it over "
            "devices that hold all of it, with a device_map of GPUs alone or of the CPU alone, or choose a smaller one"
        )


@torch.inference_mode()
def check_causal(model: nn.Module, name: str) -> None:
    """Raise a ModelError unless the model predicts tokens, each from those before it alone (which BERT does not)."""
    if getattr(model, "get_output_embeddings", lambda: None)() is None:
        raise ModelError(f"{name} predicts no tokens: give a causal language model, such as AutoModelForCausalLM loads")
    embedding = model.get_input_embeddings().weight
    first = len(embedding) // 2  # the ends of a vocabulary are where padding tokens are
    pairs = torch.tensor([[first, first - 1], [first, 0]], device=embedding.device)
    logits = model(input_ids=pairs, use_cache=False).logits[:, 0].float()
    if (logits[0] - logits[1]).abs().max() > 0.01 * logits.std():
        raise ModelError(f"{name} looks at the tokens to come: give a causal language model (GPT, Llama, ...)")


def find_device(device: str) -> torch.device:
    """The device of that name, "auto" being a GPU where there is one; an OptionError if it cannot be used."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
        torch.zeros(1, device=found).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        usable = ["auto", "cpu", *(["cuda"] if torch.cuda.is_available() else [])]
        raise OptionError(f"device {device!r} cannot be used here: choose from {', '.join(usable)}") from error
    return found


def available_models() -> list[dict[str, Any]]:
    """What can be loaded here without a download: the embedded LM and the causal LMs in Hugging Face's cache.

    Returns
    -------
    One dict a model: name, kind ("embedded" or "cached"), parameters (count, None if unknown), where (folder).
    """
    from safetensors import safe_open

    with safe_open(EMBEDDED / "model.safetensors", "np") as file:
        count = sum(int(np.prod(file.get_slice(key).get_shape())) for key in file.keys())  # noqa: SIM118
    rows: list[dict[str, Any]] = [{"name": "embedded", "kind": "embedded", "parameters": count, "where": str(EMBEDDED)}]
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        repositories = scan_cache_dir().repos
    except (CacheNotFound, OSError):
        return rows
    return rows + [
        {"name": found.repo_id, "kind": "cached", "parameters": None, "where": str(found.repo_path)}
        for found in sorted(repositories, key=lambda r: r.repo_id)
        if found.repo_type == "model"
        and any(f.file_name.endswith(".safetensors") for r in found.revisions for f in r.files)
    ]
