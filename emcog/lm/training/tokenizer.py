"""The embedded LM's tokenizer: byte-level BPE that folds typography to what the corpus uses.

People bring transcripts with curly quotes, en dashes and hard-wrapped lines; the corpus has straight quotes, em
dashes and one paragraph a line. The folding happens in the tokenizer's normalizer, which keeps offsets into the
original text, so that a curly quote is not a surprise and every token still points at what the user wrote.
"""

from collections.abc import Iterable
from typing import Any

BOS, EOS = "<|start|>", "<|end|>"

# (regular expression, replacement), applied in order to the NFC form of the text.
FOLDS = [
    ("[\u200b-\u200f\u2060\ufeff\u00ad]", ""),
    ("[\u00a0\u2000-\u200a\u202f\u3000\t\u000b\u000c]", " "),
    ("\r\n?|\u2028|\u0085", "\n"),
    ("\u2029", "\n\n"),
    ("[\u2018\u2019\u201a\u201b\u2032\u02bc\u0060\u00b4]", "'"),
    ("[\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb]", '"'),
    ("\u2026", "..."),
    (" *(?:-{2,}|[\u2014\u2015]| \u2013 | -(?= )) *", "\u2014"),
    ("[\u2010-\u2013\u2212]", "-"),
    ("\u0153", "oe"),
    ("\u0152", "Oe"),
    (" {2,}", " "),
    (" *\n(?: *\n)+ *", "\n\n"),
    # A single line break is only where somebody's editor wrapped the line.
    ("(?<!\n) *\n *(?!\n)", " "),
]

# One digit a token: numbers can be copied digit by digit. A word takes its leading space along.
PIECES = r"'(?:s|t|re|ve|m|ll|d)(?!\p{L})| ?[\p{L}\p{M}]+| ?\p{N}| ?[^\s\p{L}\p{M}\p{N}]+|\n+|\s+(?!\S)|\s"


def train_tokenizer(texts: Iterable[str], vocab_size: int = 8192) -> Any:
    """Learn a byte-level BPE vocabulary.

    Parameters
    ----------
    texts : documents.
    vocab_size : tokens in the vocabulary, the 256 bytes and the two special ones among them.

    Returns
    -------
    transformers.PreTrainedTokenizerFast, with `bos_token` and `eos_token`; it adds neither on its own.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    folds = [normalizers.Replace(Regex(pattern), new) for pattern, new in FOLDS]
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), *folds])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[BOS, EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=BOS, eos_token=EOS)
