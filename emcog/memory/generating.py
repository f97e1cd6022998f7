"""Which of transformers' options for generation a memory can do, told before anything is read."""

import copy
import inspect
import warnings
from collections.abc import Mapping
from typing import Any

from torch import nn

from emcog.errors import ModelError, OptionError

LINES = ("num_beams", "num_beam_groups", "num_return_sequences")
GUESSES = ("assistant_model", "prompt_lookup_num_tokens", "assistant_early_exit")


def check_generation(model: nn.Module, options: Mapping[str, Any]) -> None:
    """Raise a ModelError for options that a memory cannot follow, an OptionError for what transformers refuses, each in
    one line."""
    config = copy.deepcopy(options.get("generation_config") or model.generation_config)
    given = {name: value for name, value in options.items() if name != "generation_config"}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            unknown = config.update(**given)
            config.validate()
    except (ValueError, TypeError) as error:
        raise OptionError(f"options for generation: {str(error).splitlines()[0]}") from error
    # What counts is what results: the model's own defaults may say so too.
    result = {**config.to_dict(), **unknown}
    for name in LINES:
        if result.get(name) not in (None, 1):
            raise ModelError(
                f"{name}={result[name]}: a memory reads one text at a time: generate without beams and with one "
                "sequence; for more, use one fork() each"
            )
    for name in GUESSES:
        if result.get(name) is not None:
            raise ModelError(f"{name}: a memory cannot take back tokens: generate without guessing ahead")
    if result.get("use_cache") is False:
        raise ModelError("use_cache=False: a memory is the model's cache, and each token goes in once: set it to True")
    temperature = config.temperature
    if config.do_sample and temperature is not None and not temperature > 0:
        raise OptionError(f"temperature must be above 0, got {temperature!r}; for the likeliest token, do_sample=False")
    taken = {*inspect.signature(model.generate).parameters, *inspect.signature(model.forward).parameters}
    if wrong := sorted(set(unknown) - taken - {"tokenizer"}):
        raise OptionError(f"transformers knows no option {', '.join(wrong)} for generation")
