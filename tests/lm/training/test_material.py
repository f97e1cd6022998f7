"""What the model is trained on: tokens, drills, speech-like prose, and how they are packed into rows."""

import lzma
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emcog.errors import DataError
from emcog.lm.training.batches import IGNORE, Curriculum, Mixture, split_sentences
from emcog.lm.training.corpus import read_documents
from emcog.lm.training.drills import FACTS, make_drill
from emcog.lm.training.speech import as_speech
from emcog.lm.training.tokens import open_tokens

PROSE = Mixture(drills=0, recitals=0, speech=0, answer_weight=4)
MIXED = Mixture(drills=0.3, recitals=0.2, speech=0.3, answer_weight=4)
FILLER = [f"Sentence number {word} says nothing." for word in "one two three four five six seven eight".split()]


def test_documents_are_read_alike_from_plain_and_packed_files(tmp_path):
    (tmp_path / "a.txt").write_text("First\r\nbook.\n\f\nSecond book.\n", encoding="utf-8", newline="")
    with lzma.open(tmp_path / "a.txt.xz", "wt", encoding="utf-8", newline="") as file:
        file.write("First\nbook.\n\f\nSecond book.\n")
    assert list(read_documents(tmp_path / "a.txt")) == ["First\nbook.", "Second book."]
    assert list(read_documents(tmp_path / "a.txt.xz")) == ["First\nbook.", "Second book."]


@pytest.mark.parametrize(("name", "content"), [("a.txt", b"\xff\xfe\x00"), ("a.txt.xz", b"no archive")])
def test_unreadable_texts_are_named(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=re.escape(name)):
        list(read_documents(tmp_path / name))


def test_segments_never_cross_a_documents_edge(corpus, tokenizer, store):
    for number, (file, start) in enumerate(store.segments):
        text = tokenizer.decode(store.read(number, store.length))
        books = list(read_documents(corpus[file]))
        assert sum(" ".join(text.split()) in " ".join(book.split()) for book in books) == 1, start
    tokens = [len(tokenizer.encode(b, add_special_tokens=False)) for path in corpus for b in read_documents(path)]
    assert store.n_tokens == sum(tokens)
    assert [start for starts in store.starts for start in starts] == [0, tokens[0], 0, tokens[2]]
    assert len(store.segments) == sum(n // store.length for n in tokens)


def test_an_empty_text_among_others_is_none(corpus, tokenizer, store, tmp_path):
    (tmp_path / "empty.txt").write_text("")
    found = open_tokens([corpus[0], tmp_path / "empty.txt", corpus[1]], tokenizer, tmp_path, 128)
    assert [len(ids) for ids in found.ids] == [len(store.ids[0]), 0, len(store.ids[1])]
    assert set(found.segments[:, 0]) == {0, 2} and len(found.segments) == len(store.segments)


def test_token_files_are_made_once(corpus, tokenizer, tmp_path):
    lines: list[str] = []
    first = open_tokens(corpus, tokenizer, tmp_path, 128, lines.append)
    assert len(lines) == 2
    again = open_tokens(corpus, tokenizer, tmp_path, 128, lines.append)
    assert len(lines) == 2
    assert all(np.array_equal(a, b) for a, b in zip(first.ids, again.ids, strict=True))


def test_a_corpus_too_short_for_the_context_is_refused(corpus, tokenizer, tmp_path):
    with pytest.raises(DataError, match="shorter context"):
        open_tokens(corpus, tokenizer, tmp_path, 100_000)


@pytest.mark.parametrize("kind", FACTS)
@pytest.mark.parametrize("seed", range(20))
def test_a_drills_answer_stands_in_its_body_and_is_marked(kind, seed):
    drill = make_drill(np.random.default_rng(seed), FILLER, kind, n_facts=3)
    body = drill.pieces[0][0]
    marked = [text.strip() for text, is_answer in drill.pieces if is_answer]
    assert marked == drill.answers
    assert len(marked) == (1 if kind == "pass_key" else 3)
    assert all(answer in body for answer in marked)
    assert all(sentence in body for sentence in FILLER)
    # What leads into each answer also stands in the body with that answer behind it, or its fact in other words.
    assert drill.text.endswith(".")


def test_depth_places_the_fact():
    for depth, place in ((0.0, 0), (0.5, 4), (0.999, 7)):
        drill = make_drill(np.random.default_rng(0), FILLER, "colour", depth=depth)
        before = drill.pieces[0][0].split(drill.answers[0])[0]
        assert sum(sentence in before for sentence in FILLER) == place


@given(st.integers(0, 10_000))
def test_drills_follow_from_their_seed(seed):
    one, two = (make_drill(np.random.default_rng(seed), FILLER, n_facts=2) for _ in range(2))
    assert one == two


@given(st.text(max_size=200), st.integers(0, 50))
def test_speech_keeps_the_words(text, seed):
    def letters(s):
        return re.sub(r"[\W_]", "", s).lower()

    spoken = as_speech(text, np.random.default_rng(seed))
    # Lower case can lengthen a letter (İ), so both sides are lowered twice.
    assert letters(spoken.lower()) == letters(letters(text))


def test_speech_has_every_style():
    prose = 'He said, "Go!" and left; she stayed\u2014alone.'
    spoken = {as_speech(prose, np.random.default_rng(seed)) for seed in range(60)}
    assert spoken == {
        'he said, go! and left; she stayed alone.',
        'he said go. and left she stayed alone.',
        'He said Go. and left she stayed alone.',
        'he said go and left she stayed alone',
        'He said, Go! and left; she stayed\u2014alone.',
    }  # fmt: skip


@pytest.mark.parametrize("context", [128, 64])
@pytest.mark.parametrize("share", [{}, {"drills": 1.0}, {"recitals": 1.0}, {"speech": 1.0}])
def test_rows_predict_the_next_token_of_the_same_document(store, tokenizer, share, context):
    curriculum = Curriculum(store, tokenizer, 0, replace(PROSE, **share))
    for number in range(5):
        rows = curriculum.rows(number, context)
        assert rows.inputs.shape == rows.targets.shape == (128 // context, context) or "speech" in share
        for x, y, document, position in zip(rows.inputs, rows.targets, rows.document, rows.position, strict=True):
            for d in np.unique(document[y != IGNORE]):
                inside = (document == d) & (y != IGNORE)
                assert x[inside][0] == tokenizer.bos_token_id
                assert (x[inside][1:] == y[inside][:-1]).all()
                assert (position[inside] == np.arange(inside.sum())).all()
            assert (document[y == IGNORE] == document.max()).all()
        assert ((rows.weights > 0) == (rows.targets != IGNORE)).all()


def test_a_row_of_drills_holds_whole_drills(store, tokenizer):
    curriculum = Curriculum(store, tokenizer, 0, replace(PROSE, drills=1.0))
    found = 0
    for number in range(5):
        rows = curriculum.rows(number, 128)
        for d in np.unique(rows.document[0][rows.targets[0] != IGNORE]):
            text = tokenizer.decode(rows.targets[0][(rows.document[0] == d) & (rows.targets[0] != IGNORE)])
            found += "?" in text or "Tell me" in text
            assert text.endswith(tokenizer.eos_token) or "?" not in text
    assert found


def test_the_answers_of_drills_weigh_more(store, tokenizer):
    curriculum = Curriculum(store, tokenizer, 0, replace(PROSE, drills=1.0))
    weighed = 0
    for seed in range(20):
        drill = make_drill(np.random.default_rng(seed), FILLER, n_facts=2)
        document = curriculum._encode(drill)
        assert tokenizer.decode(document.ids[:-1]) == drill.text
        assert document.ids[-1] == tokenizer.eos_token_id
        assert tokenizer.decode(document.ids[document.weights == 4]) == "".join(" " + a for a in drill.answers)
        weighed += (document.weights == 4).sum()
    assert weighed


def longest_repeat(ids) -> int:
    """Length of the longest stretch that comes twice, by trying all."""
    said = "".join(map(chr, ids))
    return max(k for k in range(len(said)) if any(said[a : a + k] in said[a + 1 :] for a in range(len(said) - k)))


def test_a_recital_says_a_passage_again(store, tokenizer):
    rows = {}
    for name, mixture in (("prose", PROSE), ("recitals", replace(PROSE, recitals=1.0))):
        curriculum = Curriculum(store, tokenizer, 0, mixture)
        targets = [curriculum.rows(number, 128).targets[0] for number in range(30)]
        assert all(len(t[t != IGNORE]) == 128 for t in targets)
        rows[name] = np.array([longest_repeat(t) for t in targets])
    # A passage has 8 to 63 tokens and is said from its first half on; these books repeat some phrases by themselves.
    assert np.median(rows["recitals"]) > np.median(rows["prose"]) + 5
    assert rows["recitals"].min() >= 4
    assert rows["recitals"].max() >= 25


def test_every_segment_is_read_once_an_epoch(store, tokenizer):
    curriculum = Curriculum(store, tokenizer, 3, PROSE)
    n = len(store.segments)
    epochs = [[curriculum._segment(k) for k in range(e * n, e * n + n)] for e in range(2)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(n))
    assert epochs[0] != epochs[1]


def test_rows_follow_from_seed_and_number_alone(store, tokenizer):
    one, two = (Curriculum(store, tokenizer, 1, MIXED) for _ in range(2))
    for number in (7, 0, 3):
        a, b = one.rows(number, 64), two.rows(number, 64)
        assert (a.inputs == b.inputs).all()
    other = Curriculum(store, tokenizer, 2, MIXED)
    assert any(not np.array_equal(one.rows(k, 64).inputs, other.rows(k, 64).inputs) for k in range(3))


def test_sentences_are_whole():
    assert split_sentences('end of one. "Two!" said he. Three? Four') == ['"Two!" said he.', "Three?"]


def test_the_tokenizer_folds_typography(tokenizer):
    def ids(text):
        return tokenizer.encode(text, add_special_tokens=False)

    assert ids("\u201cDon\u2019t\u201d") == ids('"Don\'t"')
    assert ids("one \u2013 two") == ids("one -- two") == ids("one\u2014two")
    assert ids("wait\u2026") == ids("wait...")
    assert ids("a\nb") == ids("a b")
    assert ids("a\n \n\nb") == ids("a\n\nb") != ids("a b")
    assert ids("e\u0301") == ids("\u00e9")
    assert ids("so\u00adft") == ids("soft")
    assert tokenizer.decode(ids("\U0001f600 \u4e2d")) == "\U0001f600 \u4e2d"
    assert len(ids("48213")) == 5
