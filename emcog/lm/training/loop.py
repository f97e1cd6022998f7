"""The training loop: seeded, resumable after a kill, the same code on CPU and GPU."""

import json
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from emcog.errors import DataError, StorageError
from emcog.files import write_files
from emcog.lm.precision import has_native_bfloat16
from emcog.lm.training.batches import IGNORE, Curriculum, Mixture, Rows
from emcog.lm.training.far import far_context, far_layouts
from emcog.lm.training.muon import Muon


@dataclass(frozen=True)
class TrainSettings:
    """Everything that decides what comes out, the corpus apart.

    Attributes
    ----------
    tokens : tokens to be seen in all.
    batch_tokens : tokens a step. A multiple of `context`.
    context, short_context, short_share : the first share of the steps reads short rows, which are cheaper.
    matrix_lr, other_lr : learning rates of Muon (matrices inside the layers) and AdamW (embeddings, norms).
    warmup_tokens : the rate rises over them; over the last `decay` share of all tokens it falls to zero.
    drill_share, recital_share, speech_share : shares of recall drills, of passages that come twice, and of
        speech-like prose.
    far_share : of the drills and recitals whose far context stands at one distance, as in memory; of the rest, a third.
    answer_weight : what the loss at a token of a drill's answer counts, against 1 at other tokens.
    vocab_size, hidden_size, intermediate_size, layers, heads, kv_heads : the model. Heads are 64 wide.
    """

    tokens: int = 20_000_000
    batch_tokens: int = 6144
    context: int = 1024
    short_context: int = 256
    short_share: float = 0.6
    matrix_lr: float = 0.02
    other_lr: float = 0.003
    warmup_tokens: int = 200_000
    decay: float = 0.35
    drill_share: float = 0.15
    recital_share: float = 0.05
    answer_weight: float = 4.0
    speech_share: float = 0.10
    far_share: float = 0.0
    seed: int = 0
    vocab_size: int = 8192
    hidden_size: int = 256
    intermediate_size: int = 704
    layers: int = 8
    heads: int = 4
    kv_heads: int = 2

    def __post_init__(self) -> None:
        if self.batch_tokens % self.context or self.context % self.short_context:
            raise DataError("batch_tokens must be a multiple of context, and context of short_context")

    @property
    def mixture(self) -> Mixture:
        """What the rows are made of."""
        return Mixture(self.drill_share, self.recital_share, self.speech_share, self.answer_weight, self.far_share)

    @property
    def steps(self) -> int:
        """Optimiser steps in all."""
        return math.ceil(self.tokens / self.batch_tokens)

    def rate(self, step: int) -> float:
        """Learning rate at a step as a share of its peak: a trapezoid."""
        warm = max(1, self.warmup_tokens // self.batch_tokens)
        fall = max(1, int(self.decay * self.steps))
        return max(0.0, min(1.0, (step + 1) / warm, (self.steps - step) / fall))

    def context_at(self, step: int) -> int:
        """Length of the rows that a step reads."""
        return self.short_context if step < self.short_share * self.steps else self.context


def build_model(settings: TrainSettings) -> Any:
    """A freshly initialised Llama of the settings' shape (float32)."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(settings.seed)
    config = LlamaConfig(
        vocab_size=settings.vocab_size,
        hidden_size=settings.hidden_size,
        intermediate_size=settings.intermediate_size,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        num_key_value_heads=settings.kv_heads,
        head_dim=64,
        max_position_embeddings=settings.context,
        tie_word_embeddings=True,
        rms_norm_eps=1e-6,
        bos_token_id=0,
        eos_token_id=1,
        attn_implementation="sdpa",
    )
    model = LlamaForCausalLM(config)
    # Layers that add nothing at first train more stably at a high rate.
    for layer in model.model.layers:
        torch.nn.init.zeros_(layer.self_attn.o_proj.weight)
        torch.nn.init.zeros_(layer.mlp.down_proj.weight)
    return model


class Trainer:
    """A model, its optimisers and its place in the course.

    Parameters
    ----------
    model : a Llama for causal LM, float32, on the device to train on.
    curriculum : where rows come from.
    settings : see TrainSettings.
    """

    def __init__(self, model: Any, curriculum: Curriculum, settings: TrainSettings):
        self.model, self.curriculum, self.settings = model, curriculum, settings
        self.device = model.device
        self.step = 0
        self.parameters = list(model.parameters())
        # On CPU each core works on rows of its own and they meet once a step: on small matrices that is faster than
        # sharing every product between the cores, and far less hurt by other work on the machine.
        threads = 1 if self.device.type == "cuda" else torch.get_num_threads()
        torch.set_num_threads(1)
        self.pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
        inner = [p for p in model.model.layers.parameters() if p.ndim == 2]
        chosen = {id(p) for p in inner}
        others = [p for p in model.parameters() if id(p) not in chosen]
        self.optimisers: list[torch.optim.Optimizer] = [
            Muon(inner, lr=settings.matrix_lr, apply=self.pool.map),
            torch.optim.AdamW(others, lr=settings.other_lr, betas=(0.9, 0.95), weight_decay=0.0),
        ]

    def train_step(self) -> float:
        """One optimiser step; returns the weighted mean loss in nats a token."""
        settings = self.settings
        context = settings.context_at(self.step)
        per_step = settings.batch_tokens // settings.context
        parts = [self.curriculum.rows(self.step * per_step + k, context) for k in range(per_step)]
        if self.device.type == "cuda":
            # Rows whose far context stands apart are attended in full: they would slow the others down.
            apart, whole = [p for p in parts if p.far.any()], [p for p in parts if not p.far.any()]
            parts = [_join(group) for group in (apart, whole) if group]
        weight = sum(float(part.weights.sum()) for part in parts)
        with far_layouts(self.model):
            results = list(self.pool.map(self._loss_and_gradients, parts))
        for parameter, *gradients in zip(self.parameters, *(g for _, g in results), strict=True):
            parameter.grad = sum(gradients[1:], start=gradients[0]).div_(weight)
        rate = settings.rate(self.step)
        for optimiser, peak in zip(self.optimisers, (settings.matrix_lr, settings.other_lr), strict=True):
            for group in optimiser.param_groups:
                group["lr"] = peak * rate
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        self.step += 1
        return sum(float(loss) for loss, _ in results) / weight

    def _loss_and_gradients(self, rows: Rows) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        loss = self._loss(rows)
        return loss.detach(), torch.autograd.grad(loss, self.parameters)

    def _loss(self, rows: Rows) -> torch.Tensor:
        to = {"device": self.device, "non_blocking": True}
        ids, targets = torch.from_numpy(rows.inputs).to(**to), torch.from_numpy(rows.targets).to(**to)
        mask = far = None
        position = torch.from_numpy(rows.position).to(**to)
        if rows.far.any():
            parts = (torch.from_numpy(part).to(**to) for part in (rows.document, rows.far, rows.unseen))
            far = far_context(self.model.model.rotary_emb, position, *parts)
        elif rows.document.any():
            document = torch.from_numpy(rows.document).to(**to)
            causal = torch.ones(ids.shape[1], ids.shape[1], dtype=torch.bool, device=self.device).tril()
            mask = (causal & (document[:, :, None] == document[:, None, :]))[:, None]
        with torch.autocast(self.device.type, torch.bfloat16, enabled=has_native_bfloat16(self.device)):
            hidden = self.model.model(
                input_ids=ids,
                position_ids=position,
                attention_mask=mask,
                use_cache=False,
                far=far,
            ).last_hidden_state
            logits = self.model.lm_head(hidden.flatten(0, 1))
        losses = functional.cross_entropy(logits.float(), targets.flatten(), ignore_index=IGNORE, reduction="none")
        return losses @ torch.from_numpy(rows.weights).to(**to).flatten()

    def save(self, folder: Path) -> None:
        """Write a checkpoint (weights, optimiser state, position), all or nothing, without pickles."""
        from safetensors.torch import save_file

        tensors = {f"model.{name}": p.detach().contiguous() for name, p in self.model.named_parameters()}
        for k, optimiser in enumerate(self.optimisers):
            for index, state in optimiser.state_dict()["state"].items():
                tensors |= {f"optimiser.{k}.{index}.{key}": value.contiguous() for key, value in state.items()}
        place = {"step": self.step, "settings": asdict(self.settings)}
        write_files(
            folder,
            {
                # One file holds all, so a kill between two replacements cannot mix two checkpoints.
                "checkpoint.safetensors": lambda p: save_file(tensors, p, metadata={"place": json.dumps(place)}),
            },
        )

    def resume(self, folder: Path) -> bool:
        """Go on from the checkpoint in `folder`; False where there is none.

        The number of tokens may differ from the checkpoint's (to train longer or to end earlier); nothing else may.
        """
        from safetensors import SafetensorError, safe_open

        path = folder / "checkpoint.safetensors"
        if not path.exists():
            return False
        try:
            with safe_open(path, "pt", device=str(self.device)) as file:
                place = json.loads(file.metadata()["place"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, KeyError, ValueError) as error:
            raise StorageError(f"the checkpoint {path} is damaged ({error}): delete it to start again") from error
        same = replace(TrainSettings(**place["settings"]), tokens=self.settings.tokens)
        if same != self.settings:
            changed = [k for k, v in asdict(same).items() if v != getattr(self.settings, k)]
            raise StorageError(f"{path} was made with other settings ({', '.join(changed)}): use another folder")
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                parameter.copy_(tensors[f"model.{name}"])
        for k, optimiser in enumerate(self.optimisers):
            state: dict[int, dict[str, torch.Tensor]] = {}
            for name, value in tensors.items():
                if name.startswith(f"optimiser.{k}."):
                    index, key = name.split(".")[2:]
                    state.setdefault(int(index), {})[key] = value
            optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
        self.step = place["step"]
        return True

    def run(
        self, folder: Path, on_step: Callable[[int, float, float], None] = lambda step, loss, rate: None,
        save_every_s: float = 300.0,
    ) -> None:  # fmt: skip
        """Train to the end, saving a checkpoint now and then, and a curve of step, tokens, loss and tokens/s."""
        folder.mkdir(parents=True, exist_ok=True)
        curve = _Curve(folder / "curve.tsv", self.step, self.settings.batch_tokens)
        saved = time.monotonic()
        while self.step < self.settings.steps:
            began = time.monotonic()
            loss = self.train_step()
            if not math.isfinite(loss):
                raise DataError(f"training diverged at step {self.step}: lower the learning rates and start again")
            speed = self.settings.batch_tokens / (time.monotonic() - began)
            curve.add(self.step, loss, speed)
            on_step(self.step, loss, speed)
            if time.monotonic() - saved >= save_every_s or self.step == self.settings.steps:
                # First, so that a kill in between leaves no gap: what the curve knows beyond a checkpoint is dropped.
                curve.flush()
                self.save(folder)
                saved = time.monotonic()


class _Curve:
    """The loss curve as a tab-separated file; steps after the checkpoint that is resumed from are written anew."""

    def __init__(self, path: Path, step: int, batch_tokens: int):
        self.path, self.batch_tokens = path, batch_tokens
        lines = path.read_text().splitlines()[1:] if path.exists() else []
        kept = [line for line in lines if int(line.split("\t")[0]) <= step]
        path.write_text("\n".join(["step\ttokens\tloss_nats\ttokens_per_s", *kept]) + "\n")
        self.pending: list[str] = []

    def add(self, step: int, loss: float, speed: float) -> None:
        self.pending.append(f"{step}\t{step * self.batch_tokens}\t{loss:.4f}\t{speed:.0f}\n")
        if len(self.pending) >= 20:
            self.flush()

    def flush(self) -> None:
        with open(self.path, "a") as file:
            file.writelines(self.pending)
        self.pending = []


def _join(parts: list[Rows]) -> Rows:
    return Rows(*(np.concatenate([getattr(p, k) for p in parts]) for k in Rows.__dataclass_fields__))
