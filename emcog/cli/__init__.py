"""The command line: one thin command a file, over the same functions that Python users call."""

from emcog.cli.app import main

__all__ = ["main"]
