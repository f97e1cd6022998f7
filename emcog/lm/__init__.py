"""Language models: loading them and listening with them."""

from emcog.lm.hearing import word_table
from emcog.lm.listen import Listening, listen
from emcog.lm.load import LM, available_models, load_lm

__all__ = ["LM", "Listening", "available_models", "listen", "load_lm", "word_table"]
