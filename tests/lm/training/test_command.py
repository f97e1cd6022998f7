"""The vocabulary that training learns first: there whole, or not at all."""

import os
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from emcog.errors import DataError, StorageError
from emcog.lm.training import command


class Killed(Exception):  # noqa: N818
    """As if the process had ended."""


def test_a_vocabulary_that_was_half_written_is_learnt_anew(tokenizer, tmp_path, monkeypatch):
    tokenizer.save_pretrained(tmp_path / "given")
    whole = PreTrainedTokenizerFast.save_pretrained

    def half(self, folder, **options):
        whole(self, folder, **options)
        Path(folder, "tokenizer.json").unlink()
        raise Killed

    monkeypatch.setattr(PreTrainedTokenizerFast, "save_pretrained", half)
    given = ([], tmp_path / "out", tmp_path / "given", None, None)
    with pytest.raises(Killed):
        command._tokenizer(*given)
    assert not (tmp_path / "out" / "tokenizer").exists()
    monkeypatch.setattr(PreTrainedTokenizerFast, "save_pretrained", whole)
    for _ in range(2):  # the second time it is there
        assert command._tokenizer(*given).get_vocab() == tokenizer.get_vocab()


WORDLESS = {"empty": b"", "white space": b" \n \n", "form feeds": b"\n\f\n\n\f\n"}


@pytest.mark.parametrize("content", WORDLESS.values(), ids=WORDLESS)
def test_texts_without_words_are_refused_before_anything_is_written(content, settings, tmp_path):
    (tmp_path / "a.txt").write_bytes(content)
    for _ in range(2):
        with pytest.raises(DataError, match="no words in the training texts") as caught:
            command.train_lm([tmp_path / "a.txt"], tmp_path / "out", settings, device="cpu")
        assert "\n" not in str(caught.value)
        assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="this system has no /dev/zero")
def test_a_device_is_no_training_text(settings, tmp_path, limited):
    with limited("devices"), pytest.raises(DataError, match="/dev/zero: a device, not a file"):
        command.train_lm([Path("/dev/zero")], tmp_path / "out", settings, device="cpu")
    assert not (tmp_path / "out").exists()


def test_a_folder_whose_name_is_no_text_is_refused(settings, tmp_path, corpus):
    out = tmp_path / os.fsdecode(b"d\xe9")
    with pytest.raises(StorageError, match="the name is no UTF-8") as caught:
        command.train_lm(corpus, out, settings, device="cpu")
    str(caught.value).encode()
    assert list(tmp_path.iterdir()) == []
