"""Why a file is not taken or not given."""

from bus.domain.errors import Refusal, Transient


class FileRefused(Refusal):
    """A file is not taken: too large, of no type that is taken, beyond what a client may send."""


class StoreFull(FileRefused):
    """The disk of the store is full: what is there stays readable."""


class FilesAway(Transient):
    """The store of files cannot be reached or written now."""


class FileGone(Exception):
    """The store does not hold a file's bytes."""
