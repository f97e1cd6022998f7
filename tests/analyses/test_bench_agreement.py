"""The time of a comparison: what is measured, and what is said of it."""

from emcog.reproduce import load_script
from emcog.stats.agreement import MEASURES


def test_it_measures_a_whole_comparison_and_says_how_long_it_took():
    bench = load_script("analyses", "bench_agreement")
    found = bench.run(n_words=400, n_null=50)
    assert found["rows"] == sum(len(measure.variants) for measure in MEASURES.values())
    assert found["processor_s"] > 0 and found["wall_s"] > 0
    said = bench.page_block(found)
    assert said.startswith("50 null segmentations of 400 words") and "under 30 s" in said and "Measured on" in said
