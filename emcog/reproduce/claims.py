"""The claims that are looked at: what the paper says and where, and when a finding agrees with it.

What the papers report is typed in here, with the place; what came out never is (`emcog.reproduce.findings`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pandas as pd

from emcog.reproduce import findings, findings_of_memory
from emcog.reproduce.finding import Finding

FOUNTAS, KUMAR = "Fountas et al. 2025", "Kumar et al. 2023"
OURS = "not in the paper"
PAIRED = "same questions about what lies beyond the window, McNemar's exact p < .05; less often: no; otherwise open"


@dataclass(frozen=True)
class Claim:
    """A claim.

    Attributes
    ----------
    text : in a few words. paper : what the paper reports. source : where. rule : when a finding agrees.
    find : from the report to findings.
    """

    text: str
    paper: str
    source: str
    rule: str
    find: Callable[[pd.DataFrame], Iterator[Finding]]


CLAIMS: dict[str, tuple[Claim, ...]] = {
    "cohesion": (
        Claim("People's events hold together in the model's keys",
              "people's events score significantly higher than fixed or random ones in the keys of Llama 2 7B",
              f"{FOUNTAS}, section 4.2 and figure 4A",
              "modularity above random events of the same lengths, p < .05; below: no; otherwise open",
              findings.people_cohere),
        Claim("Refined events hold together most",
              "SM or SC do best with every model; modularity minus random, times 100,000, of F, S and SM: -2.3, 18.6 "
              "and 39.9 (Mistral 7B), -1.1, 8.7 and 18.7 (Llama 2 7B), -1.6, 13.1 and 27.0 (Llama 3 8B)",
              f"{FOUNTAS}, section 4.3 and table 2; PG-19",
              "the better of SM and SC lies above random ones (p < .05, corrected for two) and above S, F, FM and FC; "
              "no: it lies below random ones, or below one of them by more than 1.96 SD of chance; otherwise open",
              findings.refined_cohere),
        Claim("Events of fixed length hold together less than random ones", "F performs worse than random",
              f"{FOUNTAS}, figure 4 and table 2",
              "modularity of F below the middle 95% of random segmentations with as many boundaries anywhere; above: "
              "no; otherwise open. It tells of even lengths, not of places: there is no p", findings.fixed_cohere),
    ),
    "human_distance": (
        Claim("Surprise finds people's boundaries",
              "S, SM and SC lie closest to people's boundaries; F lies farther away than random ones",
              f"{FOUNTAS}, section 4.2 and figure 4B",
              "the best of S, SM and SC is nearer than F, and nearer than moved boundaries or F farther than those (p "
              "< .05, corrected for so many methods); no: the reverse; otherwise open",
              findings.distance),
    ),
    "peri_boundary": (
        Claim("Bayesian surprise rises at people's boundaries",
              "boundaries go with transient increases of Bayesian surprise", f"{KUMAR}, abstract",
              "Bayesian surprise rises beyond chance in some stretch of words around boundaries (p < .05, corrected "
              "for stretches and signals); otherwise open",
              findings.around),
    ),
    "predictors": (
        Claim("Bayesian surprise predicts boundaries and surprisal does not",
              "boundaries go with Bayesian surprise, but not with surprisal", f"{KUMAR}, abstract",
              "held out, Bayesian surprise gains more than surprisal and more than 0; open where no slope of either "
              "has p < .05, corrected for all slopes",
              findings.boundaries),
        Claim("Surprisal predicts reading times", OURS, "Hale 2001; Levy 2008",
              "the interval of the held-out gain lies above 0; below: no; otherwise open", findings.reading),
    ),
    "gamma": (
        Claim("The threshold sets the size of events",
              "a larger gamma gives fewer and longer events; on LongBench the best of 1, 2 and 3 is 1 with four models "
              "of five",
              f"{FOUNTAS}, appendix D.1 and figure 12",
              "mean length grows with every step of gamma as long as there are boundaries", findings.threshold),
    ),
    "granularity": (
        Claim("Surprise finds coarse and fine events",
              "surprise stands for human segmentation on several levels of a hierarchy", f"{FOUNTAS}, section 5",
              "F1 of S lies beyond chance with people's coarse and with their fine events, each at its best size "
              "(corrected p < .05); otherwise open", findings.grain),
    ),
    "layers": (
        Claim("People's events show in the keys of the layers",
              "people's events lie above random ones over the layers of Llama 2 7B", f"{FOUNTAS}, figure 4A",
              "some layer lies beyond chance after correction; otherwise open", findings.layers),
    ),
    "recall_curves": (
        Claim("Retrieval keeps to what is near in time",
              "with both buffers memory can show the contiguity of people's free recall (argued, not measured)",
              f"{FOUNTAS}, section 3.4 and appendix E.1, after Howard & Kahana 2002",
              "temporal clustering of what similarity finds above chance, p < .05; below: no; otherwise open. The "
              "contiguity buffer cannot be tested: its neighbours are near by construction, and told apart",
              findings_of_memory.contiguity),
        Claim("Retrieval goes forward",
              "with both buffers memory can show the asymmetry of people's free recall (argued, not measured)",
              f"{FOUNTAS}, section 3.4 and appendix E.1, after Howard & Kahana 2002",
              "forward asymmetry of what similarity finds above chance, p < .05; below: no; otherwise open. The "
              "contiguity buffer cannot be tested: it takes the next event before the last by construction",
              findings_of_memory.asymmetry),
    ),
    "passkey": (
        Claim("A pass key is found again beyond the window",
              "100% of pass keys in up to 10.2 million tokens", f"{FOUNTAS}, section 4.1 and figure 1",
              f"memory is right more often than the window alone, {PAIRED}", findings_of_memory.beyond_window),
    ),
    "recall_tasks": (
        Claim("Facts are found again beyond the window",
              "keys and values found again by Mistral 7B: S 92.2%, SM 97.2%, SM with contiguity 99.0%",
              f"{FOUNTAS}, table 3, Retrieve.KV",
              f"memory is right more often than the window alone, {PAIRED}", findings_of_memory.beyond_window),
        Claim("Events recall more than fixed blocks", "the same with InfLLM's fixed blocks: 95.6%",
              f"{FOUNTAS}, table 3, Retrieve.KV",
              f"SM with contiguity is right more often than F, {PAIRED}", findings_of_memory.beyond_fixed),
    ),
    "memory_budget": (
        Claim("The budget of recalled tokens changes little",
              "from 1,000 to 6,000 recalled tokens change the scores of summaries little",
              f"{FOUNTAS}, appendix D.3 and table 12",
              "the 95% interval of the difference between the largest budget and the smallest above 0, same questions, "
              "lies within 10 points; wholly outside: no; otherwise open", findings_of_memory.budget),
        Claim("Some recalled tokens recall more than none", OURS, "this toolkit's own question",
              "the largest budget is right more often than none to the same questions, McNemar's exact p < .05; less "
              "often: no; otherwise open", findings_of_memory.any_budget),
    ),
    "throughput": (
        Claim("Memory is faster on long texts",
              "by count of operations, attention with memory grows far more slowly than full attention",
              f"{FOUNTAS}, appendix C.2, figures 9 and 10",
              "at the greatest length that was read, the quartiles of memory's reading speed lie above those of full "
              "attention's; below: no; otherwise open", findings_of_memory.speed),
    ),
    "calibration": (
        Claim("The tests are right where nothing is", OURS, "this toolkit's own check",
              "every interval of the share of false alarms ends below 10%, each test under its own default null model; "
              "no: one is above 5% after correction for all tests; otherwise open", findings_of_memory.calibrated),
    ),
}  # fmt: skip
"""Claims by analysis."""
