"""Whether targets serve what notices files ask of them: a notice that nobody sends is said before it is missed."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from adapters.map_faults import fault
from adapters.notices.message import FORMS
from adapters.notices.notices_file import NoticesFile, read_notices
from adapters.notices.target import NoticeOptions
from bus.config_file import ConfigFileInvalid
from bus.domain.naming import did_you_mean, nearest

Served = Mapping[str, tuple[object, Collection[str]]]
"""All targets of a targets file by their names, each with its options and the events that it gets."""


def refuse_unserved(targets: Served) -> None:
    """Raise ConfigFileInvalid for a notice whose target is misspelled, or never gets the event.

    A name that is like no target's, or a channel's own as in the example, may be of one that is not plugged in yet.
    """
    files = dict[Path, dict[str, Collection[str]]]()
    for name, (options, events) in targets.items():
        if isinstance(options, NoticeOptions):
            files.setdefault(options.notices, {})[name] = events
    wrong = [f"{path}: {why}" for path, named in files.items() for why in _unserved(read_notices(path), named)]
    if wrong:
        raise ConfigFileInvalid("; ".join(wrong))


def _unserved(file: NoticesFile, targets: Mapping[str, Collection[str]]) -> Iterator[str]:
    for number, notice in enumerate(file.notices):
        for name in notice.by:
            if name not in targets:
                close = "" if name in FORMS else nearest(name, list(targets))
                if not close:
                    continue
                meant = did_you_mean(close)
                zh = f"没有使用此文件的目标“{name}”{meant.zh}"
                yield f"notices.{number}.by: {fault(zh, f'no target {name!r} has this file{meant.en}')}"
            elif never := sorted({*notice.events} - {*targets[name]}):
                words = ", ".join(never)
                zh, en = f"目标“{name}”的 events 没有 {words}", f"{name} never gets {words}: its `events`"
                yield f"notices.{number}.events: {fault(zh, en)}"
