"""The vocabulary that training learns first: there whole, or not at all."""

from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

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
