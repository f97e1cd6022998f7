"""`python -m emcog` is the `emcog` command."""

from emcog.cli import process

process()
