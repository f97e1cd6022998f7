"""Which analyses and figures there are, and which figure needs which report."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Analysis:
    """A claim's analysis.

    Attributes
    ----------
    script : its file in analyses/, without .py; it has rows(setting), which yields the rows of the report.
    about : what it asks, in one line.
    stories : whether it runs on stories that can be chosen. model : whether a language model takes part.
    """

    script: str
    about: str
    stories: bool = True
    model: bool = True


@dataclass(frozen=True)
class Drawing:
    """A figure: its file in figures/ has its name; report is the analysis whose table it reads."""

    report: str


ANALYSES: dict[str, Analysis] = {
    "story": Analysis("story", "one story in full, for the pictures: signals, events, people's boundaries, graph"),
    "cohesion": Analysis("cohesion", "do events hold together in the keys more than random ones?"),
    "human_distance": Analysis("human_distance", "how far is each method from people, and people from each other?"),
    "peri_boundary": Analysis("peri_boundary", "how do signals run around people's boundaries?"),
    "predictors": Analysis("predictors", "which signal predicts boundaries, and which reading times?"),
    "gamma": Analysis("gamma", "what does the threshold change: event size, agreement, cohesion?"),
    "granularity": Analysis("granularity", "are the model's events people's coarse ones or their fine ones?"),
    "layers": Analysis("layers", "which layers' and heads' key graphs agree with people?"),
    "recall_curves": Analysis("recall_curves", "does memory's retrieval move through time as people's recall does?"),
    "passkey": Analysis("passkey", "is a number found again, whatever the length and the depth?", stories=False),
    "recall_tasks": Analysis("recall_tasks", "are facts of other kinds found again?", stories=False),
    "memory_budget": Analysis("memory_budget", "how much recall does how much memory buy?", stories=False),
    "throughput": Analysis("throughput", "how fast is reading, and from which length on faster than full attention?",
                           stories=False),
    "calibration": Analysis("calibration", "are the tests right where nothing is?", stories=False, model=False),
}  # fmt: skip
"""Every analysis by name, in the order in which they are run."""

FIGURES: dict[str, Drawing] = {
    "overview": Drawing("story"),
    "segmentation": Drawing("story"),
    "key_graph": Drawing("story"),
    **{name: Drawing(name) for name in ANALYSES if name != "story"},
}
"""Every figure by name."""
