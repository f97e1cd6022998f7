"""Prose to hide facts in."""

import numpy as np

from emcog.errors import DataError, ModelError
from emcog.lm import LM
from emcog.lm.training.batches import split_sentences
from emcog.paths import data_folder


class Filler:
    """Sentences of a text, in order, going round where more are wanted than it has.

    Parameters
    ----------
    lm : whose tokens count.
    text : the prose; None is the demo story.

    Attributes
    ----------
    sentences : list of str. lengths : int64, tokens of each, the space before it included.

    Raises
    ------
    DataError : a text without sentences. ModelError : a model without tokenizer.
    """

    def __init__(self, lm: LM, text: str | None = None):
        if lm.tokenizer is None:
            raise ModelError(f"{lm.name} has no tokenizer, and recall tests are texts: load it with tokenizer=...")
        if text is None:
            text = (data_folder("datasets") / "demo" / "late_letter.txt").read_text(encoding="utf-8")
        self.lm = lm
        self.sentences = [sentence for sentence in split_sentences(text) if sentence]
        if not self.sentences:
            raise DataError("the text to hide facts in is empty: give some prose")
        self.lengths = self.count(self.sentences)

    def count(self, sentences: list[str]) -> np.ndarray:
        """Tokens of each sentence, the space before it included; int64."""
        encoded = self.lm.tokenizer([f" {sentence}" for sentence in sentences], add_special_tokens=False)
        return np.array([len(ids) for ids in encoded["input_ids"]], dtype=np.int64)

    def stretch(self, first: int, n_tokens: int) -> tuple[list[str], np.ndarray]:
        """Sentences from number `first` on, as few as have at least `n_tokens` tokens, and the tokens of each."""
        if n_tokens <= 0:
            return [], np.empty(0, dtype=np.int64)
        rounds = 2 + n_tokens // int(self.lengths.sum())
        order = np.tile(np.roll(np.arange(len(self.sentences)), -first), rounds)
        order = order[: int(np.searchsorted(np.cumsum(self.lengths[order]), n_tokens)) + 1]
        return [self.sentences[i] for i in order.tolist()], self.lengths[order]
