"""What can be computed: a registry by name."""

from emcog.batch.analysing import analysis
from emcog.batch.comparing import check_compare, identify_compare, run_compare
from emcog.batch.compute import Compute
from emcog.batch.recalling import recall_task
from emcog.batch.segmenting import run_segment
from emcog.reproduce import ANALYSES
from emcog.tasks import TASKS

COMPUTES: dict[str, Compute] = {
    "segment": Compute("what emcog segment writes", run_segment),
    "compare": Compute(
        "what emcog compare writes, against [compare] human", run_compare, check_compare, identify_compare, ("segment",)
    ),
    **{name: recall_task(name) for name in TASKS},
    **{name: analysis(name) for name in ANALYSES},
}
