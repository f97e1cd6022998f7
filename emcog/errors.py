"""The family of errors that emcog raises: each message is one line that says what, where and what to do."""


class EmcogError(Exception):
    """Base of every error that emcog raises on purpose; its message is one line, fit to show to a user."""


class TranscriptError(EmcogError):
    """A transcript could not be read."""


class OptionError(EmcogError, ValueError):
    """An option or argument has a value that is not allowed."""


class ModelError(EmcogError):
    """A language model could not be loaded, or cannot do what was asked of it."""


class DataError(EmcogError, ValueError):
    """Data (arrays, tables, datasets) do not have the form that a computation needs."""


class StorageError(EmcogError):
    """Files of emcog's own could not be written or read back."""
