"""What is measured at each token, by name."""

from emcog.signals.bayesian_surprise import bayesian_surprise
from emcog.signals.entropy import entropy
from emcog.signals.predictions import Predictions, Signal
from emcog.signals.surprisal import surprisal

SIGNALS: dict[str, Signal] = {
    signal.name: signal
    for signal in [
        Signal(
            "surprisal", "bits", "-log2 p(token | tokens before); a word's is the sum over its tokens", surprisal, "sum"
        ),
        Signal(
            "entropy", "bits", "uncertainty before the token; a word's is that of its first token", entropy, "first"
        ),
        Signal(
            "bayesian_surprise",
            "bits",
            "KL(prediction after the token || prediction before it); a word's is the sum over its tokens",
            bayesian_surprise,
            "sum",
        ),
    ]
}

__all__ = ["SIGNALS", "Predictions", "Signal"]
