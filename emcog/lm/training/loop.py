"""The training loop: seeded, resumable after a kill, the same code on CPU and GPU."""

import json
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from emcog.errors import DataError, StorageError
from emcog.excerpts import first_words
from emcog.files import cannot_write, told_by_rust, write_files
from emcog.lm.precision import has_native_bfloat16
from emcog.lm.training.batches import Curriculum
from emcog.lm.training.feeding import Batch, feed, rows_of_step, to_batch
from emcog.lm.training.forward import weighted_loss
from emcog.lm.training.layouts import dense_layout, fused_layout
from emcog.lm.training.muon import Muon
from emcog.lm.training.settings import TrainSettings
from emcog.records import parse_json


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


KEPT = (("momentum",), ("step", "exp_avg", "exp_avg_sq"))
"""What Muon and AdamW know of each parameter."""


class Trainer:
    """A model, its optimisers and its place in the course.

    Parameters
    ----------
    model : a Llama for causal LM, float32, on the device to train on.
    curriculum : where rows come from.
    settings : see TrainSettings.
    """

    def __init__(self, model: Any, curriculum: Curriculum, settings: TrainSettings):
        self.model, self.curriculum = model, curriculum
        self.device = model.device
        self.parameters = list(model.parameters())
        # On CPU each core works on rows of its own and they meet once a step: on small matrices that is faster than
        # sharing every product between the cores, and far less hurt by other work on the machine.
        threads = 1 if self.device.type == "cuda" else torch.get_num_threads()
        torch.set_num_threads(1)
        self.pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
        self.on_gpu = self.device.type == "cuda"
        self.loss = torch.compile(self._loss, dynamic=False) if self.on_gpu else self._loss
        self.begin(settings)

    def begin(self, settings: TrainSettings) -> None:
        """Stand at the first step of a course, with the weights that the model has."""
        self.settings, self.step = settings, 0
        self.fed: Iterator[Batch] | None = None
        inner = [p for p in self.model.model.layers.parameters() if p.ndim == 2]
        chosen = {id(p) for p in inner}
        others = [p for p in self.parameters if id(p) not in chosen]
        self.optimisers: list[torch.optim.Optimizer] = [
            Muon(inner, lr=settings.matrix_lr, apply=self.pool.map),
            torch.optim.AdamW(others, lr=settings.other_lr, betas=(0.9, 0.95), weight_decay=0.0),
        ]

    def train_step(self) -> torch.Tensor:
        """One optimiser step; returns the weighted mean loss in nats a token, which a GPU may not have reached yet."""
        loss, gradients = self._on_gpu() if self.on_gpu else self._on_cpu()
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = gradient
        settings = self.settings
        rate = settings.rate(self.step)
        for optimiser, peak in zip(self.optimisers, (settings.matrix_lr, settings.other_lr), strict=True):
            for group in optimiser.param_groups:
                group["lr"] = peak * rate
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        self.step += 1
        return loss

    def _on_cpu(self) -> tuple[torch.Tensor, list[torch.Tensor]]:
        parts = [to_batch(rows) for rows in rows_of_step(self.curriculum, self.settings, self.step)]
        weight = sum(part.weights.sum() for part in parts)
        results = list(self.pool.map(self._loss_and_gradients, parts))
        sums = (sum(gradients[1:], start=gradients[0]) for gradients in zip(*(g for _, g in results), strict=True))
        return sum(loss for loss, _ in results) / weight, [gradient.div_(weight) for gradient in sums]

    def _on_gpu(self) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        if self.fed is None:
            self.fed = feed(self.curriculum, self.settings, self.step)
        batch = Batch(*(part.to(self.device, non_blocking=True) for part in next(self.fed)))
        loss = self.loss(batch) / batch.weights.sum()
        return loss.detach(), torch.autograd.grad(loss, self.parameters)

    def _loss_and_gradients(self, batch: Batch) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        loss = self.loss(batch)
        return loss.detach(), torch.autograd.grad(loss, self.parameters)

    def _loss(self, batch: Batch) -> torch.Tensor:
        make = fused_layout if batch.ids.is_cuda else dense_layout
        layout = make(self.model.model.rotary_emb, batch.position, batch.document, batch.far, batch.unseen)
        with torch.autocast(batch.ids.device.type, torch.bfloat16, enabled=has_native_bfloat16(batch.ids.device)):
            return weighted_loss(self.model, batch.ids, batch.targets, batch.weights, layout)

    def save(self, folder: Path) -> None:
        """Write a checkpoint (weights, optimiser state, position), all or nothing, without pickles."""
        from safetensors.torch import save_file

        tensors = {f"model.{name}": p.detach().contiguous() for name, p in self.model.named_parameters()}
        for k, optimiser in enumerate(self.optimisers):
            for index, state in optimiser.state_dict()["state"].items():
                tensors |= {f"optimiser.{k}.{index}.{key}": value.contiguous() for key, value in state.items()}
        place = {"step": self.step, "settings": asdict(self.settings)}

        def write(path: Path) -> None:
            """One file holds all, so a kill between two replacements cannot mix two checkpoints."""
            with told_by_rust():
                save_file(tensors, path, metadata={"place": json.dumps(place)})

        write_files(folder, {"checkpoint.safetensors": write})

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
                place = parse_json((file.metadata() or {})["place"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            step, kept = place["step"], TrainSettings(**place["settings"])
            if type(step) is not int or step < 0:
                raise ValueError(f"its step is {first_words(repr(step), 40)}")
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            raise _damaged(path, error) from error
        same = replace(kept, tokens=self.settings.tokens)
        if same != self.settings:
            changed = [k for k, v in asdict(same).items() if v != getattr(self.settings, k)]
            raise StorageError(f"{path} was made with other settings ({', '.join(changed)}): use another folder")
        try:
            self._put(tensors, step)
        except (KeyError, ValueError) as error:
            raise _damaged(path, error) from error
        return True

    def _put(self, tensors: dict[str, torch.Tensor], step: int) -> None:
        """Take over weights and optimiser state as `save` names them; a KeyError or ValueError if they do not fit."""

        def fitting(name: str, shape: torch.Size) -> torch.Tensor:
            """The tensor of that name."""
            if tensors[name].shape != shape:
                raise ValueError(f"{name} is {list(tensors[name].shape)}, not {list(shape)}")
            return tensors[name]

        weights = {name: fitting(f"model.{name}", p.shape) for name, p in self.model.named_parameters()}
        states: list[dict[int, dict[str, torch.Tensor]]] = []
        for k, (optimiser, kept) in enumerate(zip(self.optimisers, KEPT, strict=True)):
            shapes = [p.shape for group in optimiser.param_groups for p in group["params"]]
            states.append({
                i: {key: fitting(f"optimiser.{k}.{i}.{key}", torch.Size() if key == "step" else shape) for key in kept}
                for i, shape in enumerate(shapes if step else [])
            })  # fmt: skip
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                parameter.copy_(weights[name])
        for optimiser, state in zip(self.optimisers, states, strict=True):
            optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
        self.step = step

    def run(
        self, folder: Path, on_step: Callable[[int, float, float], None] = lambda step, loss, rate: None,
        save_every_s: float = 300.0,
    ) -> None:  # fmt: skip
        """Train to the end, saving a checkpoint now and then, and a curve of step, tokens, loss and tokens/s."""
        curve = _Curve(folder / "curve.tsv", self.step, self.settings.batch_tokens)
        # Asking a GPU for each loss would have it wait for the next step.
        together = 20 if self.on_gpu else 1
        saved = began = time.monotonic()
        losses: list[torch.Tensor] = []
        while self.step < self.settings.steps:
            losses.append(self.train_step())
            if len(losses) < together and self.step < self.settings.steps:
                continue
            first, told = self.step - len(losses) + 1, torch.stack(losses).tolist()
            now = time.monotonic()
            speed = len(losses) * self.settings.batch_tokens / (now - began)
            for step, loss in enumerate(told, first):
                if not math.isfinite(loss):
                    raise DataError(f"training diverged at step {step}: lower the learning rates and start again")
                curve.add(step, loss, speed)
                on_step(step, loss, speed)
            began, losses = now, []
            if now - saved >= save_every_s or self.step == self.settings.steps:
                # First, so that a kill in between leaves no gap: what the curve knows beyond a checkpoint is dropped.
                curve.flush()
                self.save(folder)
                saved = began = time.monotonic()


def _damaged(path: Path, error: Exception) -> StorageError:
    reason = first_words(f"{type(error).__name__}: {error}", 200)
    return StorageError(f"the checkpoint {path} is damaged ({reason}): delete it to start again")


class _Curve:
    """The loss curve as a tab-separated file; steps after the checkpoint that is resumed from are written anew."""

    def __init__(self, path: Path, step: int, batch_tokens: int):
        self.path, self.batch_tokens = path, batch_tokens
        lines = path.read_text().splitlines()[1:] if path.exists() else []
        kept = [line for line in lines if line.count("\t") == 3 and int(line.split("\t")[0]) <= step]
        text = "\n".join(["step\ttokens\tloss_nats\ttokens_per_s", *kept]) + "\n"
        write_files(path.parent, {path.name: text.encode()})
        self.pending: list[str] = []

    def add(self, step: int, loss: float, speed: float) -> None:
        self.pending.append(f"{step}\t{step * self.batch_tokens}\t{loss:.4f}\t{speed:.0f}\n")
        if len(self.pending) >= 20:
            self.flush()

    def flush(self) -> None:
        """Write the lines that wait."""
        try:
            with open(self.path, "a") as file:
                file.writelines(self.pending)
        except OSError as error:
            raise cannot_write(self.path.parent, error) from error
        self.pending = []
