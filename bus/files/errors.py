"""Why a file is not taken or not given."""

from bus.domain.errors import BusError, Refusal, Transient


class FileRefused(Refusal):
    """A file is not taken: too large, of no type that is taken, beyond what a client may send."""


class StoreFull(FileRefused):
    """The disk of the store is full: what is there stays readable."""


class FilesAway(Transient):
    """The store of files cannot be reached or written now."""


class FileGone(BusError):
    """The store does not hold a file's bytes."""


def full() -> StoreFull:
    """Say that the disk is full."""
    zh, en = "文件存储空间不足，请稍后再传", "the store of files is full; try again later"
    return StoreFull("files_full", "service", zh, en)


def too_large(bytes_max: int) -> FileRefused:
    """Refuse a file beyond the limit."""
    zh, en = f"文件超过 {bytes_max} 字节", f"the file is larger than {bytes_max} bytes"
    return FileRefused("file_too_large", "body", zh, en, limit_bytes=bytes_max)
