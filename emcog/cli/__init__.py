"""The command line: one thin command a file, over the same functions that Python users call."""

from emcog.cli.app import main, process

__all__ = ["main", "process"]
