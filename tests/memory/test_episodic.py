"""The face: reading texts, events that tile them, generating, asking, attaching, recalling."""

import numpy as np
import pytest
import torch
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from emcog import EpisodicLM, MemoryConfig, load_lm
from emcog.errors import DataError, ModelError, OptionError
from emcog.lm import listen

STORY = (
    "Anna lived by the harbour — she had always been poor. The key lay under the stairs. " * 8
    + "Naïve people laughed at her. “Where is it?” asked the miller. "
)


@pytest.fixture(scope="module")
def embedded():
    return load_lm(device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def story(embedded):
    """A memory that has read the story in two pieces, and the tables of the two readings."""
    memory = EpisodicLM(
        embedded, MemoryConfig(n_init=4, n_local=64, n_mem=48, chunk=32, min_event=4, max_event=24, window=64)
    )
    half = len(STORY) // 2
    return memory, [memory.read(STORY[:half]), memory.read(STORY[half:])]


def test_tokens_as_they_were_read(story, embedded):
    memory, tables = story
    assert "".join(tables[0]["text"]) + "".join(tables[1]["text"]) == STORY == memory.text
    assert tables[1]["token"].iloc[0] == len(tables[0])
    assert memory.n_tokens == sum(map(len, tables))
    # While the window holds it all, these are the numbers of listening.
    heard = listen(STORY[: len(STORY) // 2], embedded)["surprisal"][:64]
    np.testing.assert_allclose(tables[0]["surprisal"][:63], heard[:63], rtol=0, atol=1e-4)
    assert tables[1]["surprisal"].notna().all()


def test_events_tile_what_was_read(story):
    memory, tables = story
    events = memory.events
    assert list(events) == ["event", "start_token", "end_token", "text", "surprise", "n_recalled"]
    assert events["start_token"].iloc[0] == 0
    assert events["end_token"].iloc[-1] == memory.n_tokens
    assert (events["end_token"][:-1].to_numpy() == events["start_token"][1:].to_numpy()).all()
    assert "".join(events["text"]) == STORY
    sizes = (events["end_token"] - events["start_token"])[1:-1]
    assert sizes.min() >= 4
    assert sizes.max() <= 24
    surprisal = np.concatenate([table["surprisal"] for table in tables])
    np.testing.assert_array_equal(events["surprise"], surprisal[events["start_token"]])


def test_recalls_are_counted_and_keep_their_budget(story):
    memory, _ = story
    events, recalls = memory.events, memory.recalls
    assert list(recalls) == ["step", "layer", "event", "rank", "score", "by"]
    assert set(recalls["by"]) == {"similarity", "contiguity"}
    counts = recalls.groupby("event").size().reindex(events["event"], fill_value=0)
    np.testing.assert_array_equal(counts, events["n_recalled"])
    sizes = (events["end_token"] - events["start_token"]).to_numpy()
    tokens = recalls.assign(n=sizes[recalls["event"]]).groupby(["step", "layer"])["n"].sum()
    assert tokens.max() <= 48 + 4  # of the first events, tokens in sight anyway (initial ones) are not counted
    assert not recalls.duplicated(["step", "layer", "event"]).any()
    similar = recalls[recalls["by"] == "similarity"]
    drops = similar.groupby(["step", "layer"])["score"].apply(lambda s: (np.diff(s) <= 0).all())
    assert drops.all()


def test_asking_scoring_and_cueing_change_nothing(story):
    memory, _ = story
    before = (memory.n_tokens, memory.events, memory.recalls)
    answer = memory.ask("\nWhere is the key? The key lay", max_new_tokens=4)
    assert isinstance(answer, str) and answer == memory.ask("\nWhere is the key? The key lay", max_new_tokens=4)
    table = memory.score(" under the stairs.")
    assert "".join(table["text"]) == " under the stairs."
    assert table["surprisal"].notna().all()
    found = memory.recall("Where is the key?")
    assert found["n_layers"].is_monotonic_decreasing
    assert set(found["event"]) <= set(memory.events["event"])
    assert len(found)
    assert memory.n_tokens == before[0]
    assert memory.events.equals(before[1])
    assert memory.recalls.equals(before[2])


def test_what_was_generated_is_remembered(story):
    memory = story[0].fork()
    n = memory.n_tokens
    first = memory.generate(" She said", max_new_tokens=6, do_sample=False, eos_token_id=None)
    more = memory.generate(max_new_tokens=5, do_sample=False, eos_token_id=None)
    assert memory.text == STORY + " She said" + first + more
    once = story[0].fork().generate(" She said", max_new_tokens=11, do_sample=False, eos_token_id=None)
    assert once == first + more
    assert memory.n_tokens == n + len(memory.lm.encode(" She said")[0]) + 11
    memory.read(" And on.")
    assert memory.text.endswith(more + " And on.")


def test_generating_equals_the_plain_model_while_all_fits(llama, some_ids):
    ids = some_ids(30)
    memory = EpisodicLM(llama, MemoryConfig(n_local=96, n_mem=16, chunk=8))
    got = memory.generate(ids, max_new_tokens=20, do_sample=False, repetition_penalty=1.3, eos_token_id=None)
    wanted = llama.model.generate(
        torch.from_numpy(ids)[None], max_new_tokens=20, do_sample=False, repetition_penalty=1.3, eos_token_id=None
    )
    assert got.tolist() == wanted[0, 30:].tolist()


def test_attached_to_plain_transformers(llama, some_ids, make_memory):
    model, ids = llama.model, torch.from_numpy(some_ids(50))[None]
    with torch.no_grad():
        plain = model(ids).logits
    tables = dict(ALL_ATTENTION_FUNCTIONS._global_mapping)
    memory = EpisodicLM(llama, MemoryConfig(n_local=96, n_mem=16, chunk=8))
    with memory.attach():
        torch.testing.assert_close(model(ids).logits, plain, atol=1e-4, rtol=0)
    with EpisodicLM(llama, MemoryConfig(n_local=96, n_mem=16, chunk=8)).attach():
        torch.testing.assert_close(model(ids, logits_to_keep=3).logits, plain[:, -3:], atol=1e-4, rtol=0)
        assert isinstance(model(ids, return_dict=False), tuple)
    assert memory.n_tokens == 50
    assert dict(ALL_ATTENTION_FUNCTIONS._global_mapping) == tables
    assert not model._forward_hooks and not model._forward_pre_hooks

    # Beyond the window: what `generate` of transformers says is what ours says.
    one, other = make_memory(), make_memory()
    one.read(some_ids(200))
    other.read(some_ids(200))
    prompt = some_ids(260)[200:210]
    with one.attach():
        said = model.generate(torch.from_numpy(prompt)[None], max_new_tokens=8, do_sample=False, eos_token_id=None)
    assert one.n_tokens == 217  # the last token was never fed
    assert said.shape == (1, 18)
    assert len(other.generate(prompt, max_new_tokens=8, do_sample=False, eos_token_id=None)) == 8
    with torch.no_grad():
        torch.testing.assert_close(model(ids).logits, plain, atol=0, rtol=0)


@pytest.mark.parametrize("replays", [False, True])
def test_a_memory_within_another_s_context_or_its_own(replays, llama, some_ids, make_memory):
    ids, options = some_ids(200), {"max_new_tokens": 5, "do_sample": False, "eos_token_id": None}

    def make():
        memory = make_memory()
        memory.read(ids[:100])
        memory.reader.replays = replays
        return memory

    def speak():
        given = torch.from_numpy(ids[107:120])[None]
        return llama.model.generate(given, attention_mask=torch.ones_like(given), **options)[0, 13:].tolist()

    memory = make()
    read = memory.fork().read(ids[100:140])["surprisal"].to_numpy()
    answer = memory.ask(ids[:7], **options)
    with memory.attach():
        spoken = speak()
    memory, other = make(), make()
    with memory.attach():
        assert (memory.ask(ids[:7], **options) == answer).all()
        with other.attach():
            assert speak() == spoken
        assert other.n_tokens == 100 + 13 + 4 and memory.n_tokens == 100  # the last new token was not given back
        assert speak() == spoken
    memory = make()
    with memory.attach():
        np.testing.assert_array_equal(memory.read(ids[100:140])["surprisal"], read)
    assert memory.n_tokens == 140


def test_an_error_while_attached_leaves_all_as_it_was(llama, some_ids, make_memory):
    memory = make_memory()
    memory.read(some_ids(60))
    with pytest.raises(ModelError, match="one text at a time"), memory.attach():
        llama.model.generate(torch.zeros(2, 5, dtype=torch.long), max_new_tokens=2)
    with pytest.raises(ModelError, match="one text at a time"):
        memory.fork().generate(some_ids(5), num_beams=2, max_new_tokens=3, do_sample=False)
    assert memory.n_tokens == 60
    assert memory.generate(max_new_tokens=2).shape == (2,)


def test_people_and_sentences_make_events(embedded):
    memory = EpisodicLM(
        embedded, MemoryConfig(n_local=64, n_mem=48, chunk=32, min_event=1, max_event=40, segmentation="sentence")
    )
    memory.read(STORY)
    texts = [text.strip() for text in memory.events["text"]]
    assert texts[:2] == ["Anna lived by the harbour — she had always been poor.", "The key lay under the stairs."]
    memory = EpisodicLM(
        embedded, MemoryConfig(n_local=64, n_mem=48, chunk=32, min_event=1, max_event=40, segmentation=[7, 30, 55])
    )
    memory.read(STORY)
    assert memory.events["start_token"].tolist()[:4] == [0, 7, 30, 55]


@pytest.mark.parametrize("policy", ["recency", "random", "none", ("similarity", "none")])
def test_policies(policy, make_memory, some_ids):
    memory, again = make_memory(policy=policy, contiguity=0), make_memory(policy=policy, contiguity=0)
    for one in (memory, again):
        one.read(some_ids(200))
    recalls = memory.recalls
    assert recalls.equals(again.recalls)
    if policy == "none":
        assert not len(recalls)
    elif policy == "recency":
        best = recalls[recalls["rank"] == 0].groupby("step")["event"].first()
        assert best.is_monotonic_increasing
        assert (recalls.groupby(["step", "layer"])["event"].apply(lambda e: (np.diff(e) == -1).all())).all()
    elif policy == "random":
        assert recalls["score"].isna().all()
        assert recalls["event"].nunique() > 10
    else:
        assert set(recalls["layer"]) == {0}


def test_wrong_uses_are_answered(make_memory, some_ids):
    with pytest.raises(OptionError, match="nothing to go on from"):
        make_memory().generate(max_new_tokens=3)
    with pytest.raises(DataError, match="needs a text"):
        make_memory(segmentation="sentence").read(some_ids(20))
    with pytest.raises(DataError, match=r"0\.\.100"):
        make_memory().read([500])
    with pytest.raises(ModelError, match="no tokenizer"):
        make_memory().read("some text")
    with pytest.raises(OptionError, match="policy names 3 layers"):
        make_memory(policy=["none"] * 3)
    with pytest.raises(OptionError, match=r"layers 0 to 1"):
        make_memory(refine_layers=[5])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"segmentation": "SX"}, "did you mean"), ({"tier": "disk"}, "accelerator, host, file"),
        ({"n_local": 2}, "at least 8"), ({"chunk": 64, "n_local": 32}, "must not exceed"),
        ({"max_event": 9, "min_event": 8}, "at least 2"), ({"segmentation": [5, 3]}, "increase"),
        ({"segmentation": 3}, "sequence of whole numbers"), ({"budget": {"file": 5}}, "budget's tier"),
        ({"compat": "reference", "representative": "mean"}, "top"), ({"policy": "best"}, "similarity, recency"),
        ({"compat": "reference", "segmentation": "sentence"}, "S, SM, SC and F"),
    ],
)  # fmt: skip
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(OptionError, match=message):
        MemoryConfig(**settings)


@pytest.mark.parametrize(("options", "said"), [
    ({"num_beams": 2}, "one text at a time"), ({"num_return_sequences": 2, "do_sample": True}, "one text at a time"),
    ({"use_cache": False}, "use_cache"), ({"prompt_lookup_num_tokens": 3}, "take back"), ({"foo": 3}, "no option foo"),
    ({"max_new_tokens": 0}, "max_new_tokens"), ({"temperature": -1.0, "do_sample": True}, "temperature"),
])  # fmt: skip
def test_options_that_cannot_be_followed_change_nothing(options, said, make_memory, some_ids):
    memory = make_memory()
    memory.read(some_ids(60))
    with pytest.raises((OptionError, ModelError), match=said) as error:
        memory.generate(some_ids(7), **{"max_new_tokens": 3} | options)
    assert "\n" not in str(error.value) and memory.n_tokens == 60
    other = make_memory()
    other.read(some_ids(60))
    given = {"max_new_tokens": 4, "do_sample": False, "eos_token_id": None}
    assert memory.generate(some_ids(7), **given).tolist() == other.generate(some_ids(7), **given).tolist()


def test_a_model_whose_own_defaults_cannot_be_followed(make_memory, some_ids, monkeypatch):
    memory = make_memory()
    memory.read(some_ids(60))
    monkeypatch.setattr(memory.lm.model.generation_config, "num_beams", 2)
    with pytest.raises(ModelError, match="one text at a time"):
        memory.generate(some_ids(7), max_new_tokens=3)
    assert memory.n_tokens == 60
    assert len(memory.generate(some_ids(7), max_new_tokens=3, num_beams=1, eos_token_id=None)) == 3


@pytest.mark.parametrize("start", [-1, 1.5, "x", None, 61])
def test_a_start_that_is_none_changes_nothing(start, make_memory, some_ids):
    memory = make_memory()
    with pytest.raises(OptionError, match="start"):
        memory.read(some_ids(60), start=start)
    assert memory.n_tokens == 0


def test_equal_lengths_fit_into_what_is_recalled(make_memory, some_ids):
    for n_mem, contiguity in ((24, 0.3), (64, 0.6), (40, 20)):
        memory = make_memory(segmentation="F", n_mem=n_mem, contiguity=contiguity, max_event=None)
        memory.read(some_ids(400))
        assert (memory.recalls["by"] == "similarity").any()
    with pytest.raises(OptionError, match="leaves 3 of n_mem=256"):
        MemoryConfig(n_mem=256, contiguity=0.99)
