"""Importing emcog, and asking it for help, loads nothing heavy and changes nothing."""

import resource
import subprocess
import sys

HEAVY = (
    "torch",
    "transformers",
    "tokenizers",
    "pandas",
    "numpy",
    "scipy",
    "statsmodels",
    "matplotlib",
    "seaborn",
    "pyarrow",
)

HELP = "import sys; sys.argv = ['emcog', '--help']; from emcog.cli import main; main()"


def run(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)


def python(code: str) -> subprocess.CompletedProcess[str]:
    """Run code that must succeed."""
    result = run(code)
    assert result.returncode == 0, result.stderr
    return result


def test_import_is_light():
    loaded = python("import sys, emcog; print(*sys.modules)").stdout.split()
    assert "emcog" in loaded
    assert not set(HEAVY) & set(loaded)


def test_public_names_exist():
    python("import emcog\nfor name in emcog.__all__: getattr(emcog, name)")
    missing = run("import emcog; emcog.segmnet")
    assert missing.returncode == 1
    assert "AttributeError: module 'emcog' has no attribute 'segmnet'" in missing.stderr


def test_help_is_light():
    code = f"""
import atexit, sys
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
{HELP}
"""
    result = python(code)
    assert "segment" in result.stdout
    assert not set(HEAVY) & set(result.stderr.split())


def test_help_takes_under_half_a_second():
    # Processor time, which other work on the machine does not stretch as it does wall time; the best of five,
    # because the first may compile bytecode.
    seconds = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        python(HELP)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(seconds) < 0.5


def test_import_leaves_the_tables_of_transformers_alone():
    python("""
from importlib import import_module
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS as masks
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS as attention

def tables():
    return [{name: table[name] for name in table} for table in (masks, attention)]

before = tables()
assert all(before), "nothing to compare"
for room in ["emcog", "emcog.lm", "emcog.boundaries", "emcog.viz", "emcog.segmenting", "emcog.cli"]:
    import_module(room)
    assert tables() == before, room
""")


def test_rooms_need_no_import_of_their_own():
    done = run(
        "import sys, emcog; assert 'emcog.stats' not in sys.modules; print(emcog.stats.regress.__name__, "
        "emcog.human.read_annotations.__name__, emcog.tasks.TASKS is not None, 'stats' in dir(emcog))"
    )
    assert done.stdout.split() == ["regress", "read_annotations", "True", "True"]
