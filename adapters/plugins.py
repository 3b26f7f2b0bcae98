"""Adapters by name: the bus's own, and those of other packages, found by entry points and imported when asked for."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from importlib.metadata import EntryPoint
from typing import Any, Protocol, TypeVar

from adapters.adapter import Options
from bus.domain.errors import AdapterUnusable


class AdapterLike(Protocol):
    """What every kind of adapter has."""

    @property
    def name(self) -> str:
        """The name that files give it."""
        ...

    @property
    def options(self) -> type[Options]:
        """The model of its options."""
        ...


AdapterT = TypeVar("AdapterT", bound=AdapterLike)


class Adapters(Mapping[str, AdapterT]):
    """All adapters of one direction. Asking for one that cannot be used raises AdapterUnusable; the others stay usable.

    `kind` is what another package's entry point must name; `found` lists the entry points, once, when first needed.
    """

    def __init__(
        self,
        built_in: Iterable[AdapterT],
        *,
        kind: type[Any],
        group: str,
        found: Callable[[str], Iterable[EntryPoint]],
    ) -> None:
        """Import nothing yet."""
        self._built_in = {adapter.name: adapter for adapter in built_in}
        self._kind, self._group, self._found = kind, group, found

    def __getitem__(self, name: str) -> AdapterT:
        own, offered = self._built_in.get(name), self._offered.get(name, ())
        if own is not None and offered:
            raise AdapterUnusable(_taken(f"the bus has an adapter {name!r} of its own", offered))
        if len(offered) > 1:
            raise AdapterUnusable(_taken(f"{len(offered)} packages offer an adapter {name!r}", offered))
        if own is None and not offered:
            raise KeyError(name)
        return self._load(offered[0]) if own is None else own

    def __iter__(self) -> Iterator[str]:
        return iter({**self._built_in, **self._offered})

    def __len__(self) -> int:
        return len({**self._built_in, **self._offered})

    @cached_property
    def _offered(self) -> Mapping[str, Sequence[EntryPoint]]:
        offered = defaultdict[str, list[EntryPoint]](list)
        for entry_point in self._found(self._group):
            offered[entry_point.name].append(entry_point)
        return dict(offered)

    def _load(self, entry_point: EntryPoint) -> AdapterT:
        """Import what another package offers. Raises AdapterUnusable whatever is wrong with it."""
        who = _offer(entry_point)
        try:
            adapter = entry_point.load()
        except Exception as error:
            raise AdapterUnusable(
                f"{who} cannot be imported ({type(error).__name__}: {error}); {_mend(entry_point)}"
            ) from error
        wanted = f"ticketbus.adapters.{self._kind.__name__}"
        if not isinstance(adapter, self._kind):
            raise AdapterUnusable(f"{who} is a {type(adapter).__name__} and no {wanted}; {_mend(entry_point)}")
        if adapter.name != entry_point.name:
            raise AdapterUnusable(
                f"{who} calls itself {adapter.name!r}; entry point and adapter bear one name; {_mend(entry_point)}"
            )
        if not (isinstance(adapter.options, type) and issubclass(adapter.options, Options)):
            raise AdapterUnusable(f"{who} has options that are no ticketbus.adapters.Options; {_mend(entry_point)}")
        made: AdapterT = adapter
        return made


def _package(entry_point: EntryPoint) -> str:
    return entry_point.dist.name if entry_point.dist else "of an unknown name"


def _offer(entry_point: EntryPoint) -> str:
    version = f" {entry_point.dist.version}" if entry_point.dist else ""
    return (
        f"what the package {_package(entry_point)}{version} offers "
        f"(entry point {entry_point.group}: {entry_point.name} = {entry_point.value})"
    )


def _mend(entry_point: EntryPoint) -> str:
    return f"install a version that fits, or remove it: pip uninstall {_package(entry_point)}"


def _taken(why: str, offered: Sequence[EntryPoint]) -> str:
    offers = ", and ".join(_offer(entry_point) for entry_point in offered)
    packages = " or ".join(sorted({_package(entry_point) for entry_point in offered}))
    return f"the name is taken: {why}, beside {offers}; it needs another name, or remove it: pip uninstall {packages}"
