"""Header names that are not UTF-8: aiokafka decodes names as it unpacks a batch, and never gets past those."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy


def tolerate_header_names() -> None:
    """Let all consumers give such names with their bytes escaped (`\\udcff`), as Python does for file names.

    `bus.wire.headers.check_names` refuses them where headers count. What stands before and after the record is read
    as ever. Idempotent.
    """
    fetcher.MemoryRecords = _Records


class _Records:
    """A fetched partition's batches, unpacked by aiokafka's compiled code as long as it gets on."""

    def __init__(self, data: bytes) -> None:
        self._records = _MemoryRecordsPy(data)
        self.has_next, self.size_in_bytes = self._records.has_next, self._records.size_in_bytes

    def next_batch(self) -> Any:
        data = self._records._next_slice
        batch = self._records.next_batch()
        return _Batch(batch, data) if data is not None and batch is not None and batch.magic >= 2 else batch


class _Batch:
    """A batch, read by aiokafka's Python code from the first record on that its compiled code fails at."""

    def __init__(self, batch: Any, data: memoryview) -> None:
        self._batch, self._data = batch, data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        read = 0
        try:
            for record in self._batch:
                yield record
                read += 1
        except UnicodeDecodeError:
            batch = _DefaultRecordBatchPy(self._data)
            batch._maybe_uncompress()
            batch._buffer = _Buffer(batch._buffer)
            yield from islice(batch, read, None)


class _Buffer(bytearray):
    """Bytes of a batch; whatever is cut out of them decodes."""

    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        return _Buffer(found) if isinstance(place, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "surrogateescape") -> str:
        return super().decode(encoding, errors)
