"""The optimiser, the schedule, and going on after a kill."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from emcog.errors import StorageError
from emcog.lm import load_lm
from emcog.lm.training.batches import Curriculum, pack, plain
from emcog.lm.training.command import train_lm
from emcog.lm.training.evaluate import bits_per_character, calibration, look_up
from emcog.lm.training.feeding import to_batch
from emcog.lm.training.loop import Trainer, build_model
from emcog.lm.training.muon import Muon, orthogonalise


def make_trainer(settings, store, tokenizer) -> Trainer:
    """A trainer at its first step."""
    curriculum = Curriculum(store, tokenizer, settings.seed, settings.mixture)
    return Trainer(build_model(settings), curriculum, settings)


@pytest.mark.parametrize("shape", [(3, 20, 20), (2, 8, 30), (2, 30, 8)])
def test_orthogonalise_brings_singular_values_near_one(shape):
    made = orthogonalise(torch.randn(shape, generator=torch.Generator().manual_seed(0)))
    values = torch.linalg.svdvals(made)
    assert made.shape == shape
    assert values.min() > 0.3
    assert values.max() < 1.4


def test_orthogonalise_keeps_the_singular_vectors():
    matrix = torch.randn(1, 12, 12, generator=torch.Generator().manual_seed(1))
    u, s, v = torch.linalg.svd(matrix[0])
    assert s.min() > 0.01
    turned = u.T @ orthogonalise(matrix)[0] @ v.T
    assert (turned - torch.diag(turned.diagonal())).abs().max() < 1e-3


def test_muon_agrees_with_torchs(monkeypatch):
    torch_muon = getattr(torch.optim, "Muon", None)
    if torch_muon is None:
        pytest.skip("this torch has no Muon of its own")
    generator = torch.Generator().manual_seed(2)
    start, gradients = torch.randn(16, 24, generator=generator), torch.randn(4, 16, 24, generator=generator)
    ours, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    optimisers = [Muon([ours], lr=0.1), torch_muon([theirs], lr=0.1, momentum=0.95, weight_decay=0.0, nesterov=True)]
    for gradient in gradients:
        for parameter, optimiser in zip((ours, theirs), optimisers, strict=True):
            parameter.grad = gradient.clone()
            optimiser.step()
    # Torch's iterates in bfloat16.
    moved = (ours - start).norm()
    assert (ours - theirs).norm() < 0.03 * moved


def test_rate_is_a_trapezoid(settings):
    rates = [replace(settings, tokens=256 * 40, warmup_tokens=256 * 4).rate(k) for k in range(40)]
    assert rates[:4] == [0.25, 0.5, 0.75, 1.0]
    assert rates[4:26] == [1.0] * 22
    assert rates[26:] == pytest.approx(np.arange(14, 0, -1) / 14)


def test_training_lowers_the_loss(settings, store, tokenizer):
    trainer = make_trainer(
        replace(settings, tokens=256 * 40, drill_share=0, recital_share=0, speech_share=0), store, tokenizer
    )
    losses = [float(trainer.train_step()) for _ in range(40)]
    assert losses[0] == pytest.approx(np.log(len(tokenizer)), rel=0.02)
    assert np.mean(losses[-5:]) < losses[0] - 2


def test_loss_of_packed_documents_is_that_of_each_alone(settings, store, tokenizer):
    trainer = make_trainer(settings, store, tokenizer)
    with torch.no_grad():
        for parameter in trainer.model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)) * 0.3)
    ids = np.random.default_rng(0).integers(2, len(tokenizer), 110)
    documents = [[plain(part) for part in np.split(ids, [30, 90])], [plain(ids[:128])]]
    rows = pack(documents, 128, tokenizer.bos_token_id, tokenizer.eos_token_id)
    assert set(rows.document[0]) == {0, 1, 2, 3}
    packed = float(trainer._loss(to_batch(rows)).detach())
    alone = 0.0
    for document in [*np.split(ids, [30, 90]), ids]:
        given = torch.from_numpy(np.concatenate([[tokenizer.bos_token_id], document]))
        logits = trainer.model(given[None, :-1]).logits[0]
        alone += float(torch.nn.functional.cross_entropy(logits, given[1:], reduction="sum").detach())
    assert packed == pytest.approx(alone, rel=1e-4)


def test_going_on_from_a_checkpoint_changes_nothing(settings, store, tokenizer, tmp_path):
    whole = make_trainer(settings, store, tokenizer)
    losses = [whole.train_step() for _ in range(8)]
    first = make_trainer(settings, store, tokenizer)
    before = [first.train_step() for _ in range(3)]
    first.save(tmp_path)
    second = make_trainer(settings, store, tokenizer)
    assert second.resume(tmp_path)
    assert before + [second.train_step() for _ in range(5)] == losses
    for a, b in zip(whole.model.parameters(), second.model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_checkpoint_of_other_settings_or_a_damaged_one_is_refused(settings, store, tokenizer, tmp_path):
    trainer = make_trainer(settings, store, tokenizer)
    assert not trainer.resume(tmp_path)
    trainer.train_step()
    trainer.save(tmp_path)
    with pytest.raises(StorageError, match="matrix_lr"):
        make_trainer(replace(settings, matrix_lr=0.5), store, tokenizer).resume(tmp_path)
    assert make_trainer(replace(settings, tokens=512), store, tokenizer).resume(tmp_path)
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(StorageError, match="damaged"):
        make_trainer(settings, store, tokenizer).resume(tmp_path)


def tampered(tensors, place, what):
    """The tensors and the place of a checkpoint with something wrong in them."""
    first, second = sorted(tensors)[0], next(name for name in tensors if name.endswith("exp_avg"))
    return {
        "nothing": (tensors, place),
        "no place": (tensors, None),
        "a place that is no JSON": (tensors, "{"),
        "a place in lists without end": (tensors, "[" * 100_000),
        "a place that is no object": (tensors, [1]),
        "no step": (tensors, {"settings": place["settings"]}),
        "a step that is no number": (tensors, place | {"step": "x"}),
        "a step before the first": (tensors, place | {"step": -1}),
        "no settings": (tensors, {"step": 1}),
        "settings that are none": (tensors, place | {"settings": 3}),
        "a setting that there is not": (tensors, place | {"settings": place["settings"] | {"x": 1}}),
        "a weight is missing": ({k: v for k, v in tensors.items() if not k.startswith("model.")}, place),
        "a weight of another shape": (tensors | {"model.model.norm.weight": torch.zeros(3)}, place),
        "a state is missing": ({k: v for k, v in tensors.items() if k != second}, place),
        "a state of another shape": (tensors | {second: torch.zeros(1)}, place),
        "other tensors": ({"x": tensors[first]}, place),
    }[what]


WRONG = ["nothing", "no place", "a place that is no JSON", "a place in lists without end", "a place that is no object",
         "no step", "a step that is no number", "a step before the first", "no settings", "settings that are none",
         "a setting that there is not", "a weight is missing",
         "a weight of another shape", "a state is missing", "a state of another shape", "other tensors"]  # fmt: skip


def test_a_checkpoint_of_wrong_contents_is_one_line(settings, store, tokenizer, tmp_path):
    trainer = make_trainer(settings, store, tokenizer)
    trainer.train_step()
    trainer.save(tmp_path)
    path = tmp_path / "checkpoint.safetensors"
    with safe_open(path, "pt") as file:
        good = json.loads(file.metadata()["place"])
        kept = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    other = make_trainer(settings, store, tokenizer)
    before = [p.clone() for p in other.model.parameters()]
    for what in WRONG:
        tensors, place = tampered(kept, good, what)
        text = place if isinstance(place, str) else json.dumps(place)
        save_file(tensors, path, metadata=None if place is None else {"place": text})
        if what == "nothing":
            assert trainer.resume(tmp_path)
            continue
        with pytest.raises(StorageError, match=r"checkpoint .* is damaged .*: delete it to start again") as caught:
            other.resume(tmp_path)
        assert "\n" not in str(caught.value), what
        assert all(torch.equal(a, b) for a, b in zip(before, other.model.parameters(), strict=True)), what
        assert other.step == 0


def test_a_trained_model_can_be_loaded_and_measured(settings, corpus, tmp_path):
    folder = train_lm(corpus, tmp_path, settings)
    lm = load_lm(str(folder))
    text = corpus[0].read_text(encoding="utf-8").split("\n\f\n")[0]
    table = bits_per_character(lm, [text[:2000], text[:500]])
    assert (table["bits_per_character"] == table["bits"] / table["characters"]).all()
    assert 0.5 < table["bits_per_character"][0] < 8
    drills = look_up(lm, text, n_drills=6, context=400)
    assert list(drills["kind"]) == ["pass_key", "named_number", "home", "colour", "hiding_place", "trade"]
    assert drills["tokens"].max() <= 400
    bins = calibration(lm, text, context=128)
    assert bins["n"].sum() == len(lm.encode(text)[0]) // 127 * 127


COMMAND = "import sys; from emcog.cli import main; sys.exit(main(sys.argv[1:]))"


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_weights(corpus, tmp_path):
    def command(out):
        options = "--tokens 20480 --batch-tokens 1024 --context 128 --vocab-size 600 --hidden-size 32".split()
        options += "--intermediate-size 48 --layers 2 --heads 1 --kv-heads 1 --save-every 0".split()
        return [sys.executable, "-c", COMMAND, "train-lm", *map(str, corpus), "--out", str(out), *options]

    subprocess.run(command(tmp_path / "whole"), check=True, capture_output=True)
    killed = subprocess.Popen(command(tmp_path / "killed"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while not (tmp_path / "killed" / "checkpoint.safetensors").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    subprocess.run(command(tmp_path / "killed"), check=True, capture_output=True)
    one, two = (tmp_path / name / "model" / "model.safetensors" for name in ("whole", "killed"))
    assert one.read_bytes() == two.read_bytes()
    steps = [line.split("\t")[0] for line in (tmp_path / "killed" / "curve.tsv").read_text().splitlines()[1:]]
    assert steps == [str(k + 1) for k in range(20)]
