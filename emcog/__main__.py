"""`python -m emcog` is the `emcog` command."""

import sys

from emcog.cli import main

sys.exit(main())
