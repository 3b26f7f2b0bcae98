"""`ticketbus projection`: lag, rebuild and verification of the read models."""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bus.cli.echo import echo
from bus.cli.settings import Data, Json

if TYPE_CHECKING:
    from bus.alerts.alert import Alert
    from bus.app import Core
    from bus.wire.record_reader import Keep
    from projections.lag import Lag
    from projections.rebuild import Rebuilt
    from projections.store import ProjectionHandler
    from projections.verify import Verified

commands = typer.Typer(name="projection", help="The read models: lag, rebuild, verify.", no_args_is_help=True)


@commands.command("list")
def show(data: Data = None, as_json: Json = False) -> None:
    """List how far every stage is on each partition; exits 1 when one of them stands still, or no worker runs it.

    Which stages no worker runs is said on stderr; `served` says it of each row.

    Example: ticketbus projection list --json | jq 'select(.lag > 0)'
    """
    from bus.cli.run import echo_json, with_core
    from bus.stage_names import STAGE_OF

    rows, unserved = with_core(data, _list)
    idle = {one.about for one in unserved}
    for row in rows:
        if as_json:
            served = not idle & {"worker", STAGE_OF.get(row.handler, row.handler)}
            echo_json({**dataclasses.asdict(row), "served": served})
        else:
            echo(
                f"{row.handler:<12} {row.topic}/{row.partition:<3} next {row.next_offset:>9}  end {row.end_offset:>9}"
                f"  lag {row.lag:>7}  {row.state}{'  ' + row.failure if row.failure else ''}"
            )
    for one in unserved:
        echo(f"{one.zh} / {one.en} → {one.mend}", err=True)
    raise typer.Exit(1 if unserved or any(row.failure for row in rows) else 0)


@commands.command("rebuild")
def build_again(
    name: Annotated[str, typer.Argument(help="one that `projection list` names")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Empty a read model and fold the whole log in again; safe while workers run, and to run again.

    Example: ticketbus projection rebuild tickets
    """
    from bus.cli.run import echo_json, with_core

    _known([name])
    rebuilt = with_core(data, lambda core: _rebuild(core, name))
    if as_json:
        echo_json({"name": name, **dataclasses.asdict(rebuilt)})
    else:
        echo(f"{name}: built again, {rebuilt.records:,} records read here")


@commands.command()
def verify(
    names: Annotated[list[str] | None, typer.Argument(help="read models (default: all)")] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Build each read model again beside the live one and compare; changes nothing.

    A read model is compared up to where it stands. Exits 1 on a difference,
    and when one stands still on a partition: then it says where, why, and
    how many records are not in it. One that is merely behind says how far.

    Example: ticketbus projection verify --json
    """
    from bus.cli.run import echo_json, with_core
    from projections.read_models import READ_MODELS

    _known(names or [])
    found, rows = with_core(data, lambda core: _verify(core, names or list(READ_MODELS)))
    for one in found:
        if as_json:
            echo_json({**dataclasses.asdict(one), **_lag_json([row for row in rows if row.handler == one.model])})
            continue
        echo(f"{one.model:<12} {one.table:<16} {one.rows:>9} rows  {'equal' if one.equal else 'DIFFERENT'}")
        for key, how in one.differences:
            echo(f"    {key}  {how}")
    for line in () if as_json else _lag_lines(rows):
        echo(line)
    raise typer.Exit(0 if all(one.equal for one in found) and not any(row.failure for row in rows) else 1)


def _lag_json(rows: "Sequence[Lag]") -> dict[str, Any]:
    return {
        "behind": sum(max(row.lag, 0) for row in rows),
        "stopped": [dataclasses.asdict(row) for row in rows if row.failure],
    }


def _lag_lines(rows: "Sequence[Lag]") -> Iterator[str]:
    """Say of each read model where it stands still, and how far it is behind elsewhere."""
    for model, some in itertools.groupby(rows, key=lambda row: row.handler):
        behind = 0
        for row in some:
            lag = max(row.lag, 0)  # a log that was made anew ends before
            if row.failure:
                yield (
                    f"{model:<12} STOPPED at {row.topic}/{row.partition} before offset {row.next_offset}:"
                    f" {lag} records are not in it; {row.failure}"
                )
            else:
                behind += lag
        if behind:
            yield f"{model:<12} behind: {behind} records are not in it yet"


async def _list(core: "Core") -> "tuple[list[Lag], Sequence[Alert]]":
    from datetime import UTC, datetime

    from bus.alerts.rules.programs import unserved
    from bus.intake.dispatch import utc_now
    from bus.kafka.range_reader import open_reader
    from bus.postgres.heartbeats import read_beats
    from bus.postgres.pool import connected
    from bus.stage.offsets import positions
    from bus.stage_names import STAGES
    from projections.lag import lags

    async with open_reader(core.settings) as reader:
        async with connected(core.pool) as connection:
            rows, beats = await positions(connection), await read_beats(connection)
        missing = unserved(STAGES, beats, utc_now(), none_lives=datetime.min.replace(tzinfo=UTC))
        return await lags(reader, rows), missing


async def _rebuild(core: "Core", name: str) -> "Rebuilt":
    from bus.cli.run import counting
    from bus.intake.dispatch import utc_now
    from bus.kafka.range_reader import open_reader
    from bus.stage.runner import Runner
    from projections.rebuild import rebuild

    topic, partitions = _topic(core, name)
    progress, show = counting(f"rebuild {name}")
    async with open_reader(core.settings) as reader:
        with progress:
            return await rebuild(
                _handler(core, name, core.refused.keep),  # it may be the first to read a record
                topic=topic,
                partitions=partitions,
                pool=core.pool,
                runner=Runner(topic=topic, pool=core.pool, reader=reader, now=utc_now, report=core.alerts),
                reader=reader,
                progress=show,
            )


async def _verify(core: "Core", names: list[str]) -> "tuple[list[Verified], list[Lag]]":
    from bus.app import require
    from bus.cli.run import counting
    from bus.kafka.range_reader import open_reader
    from bus.postgres.pool import connected
    from bus.stage.offsets import positions
    from bus.wire.record_reader import nowhere
    from projections.lag import from_the_start, lags
    from projections.verify import verify as verify_one

    found: list[Verified] = []
    url = require(core.settings, "database_url")
    async with open_reader(core.settings) as reader:
        for name in names:
            progress, show = counting(f"verify {name}")
            with progress:
                found += await verify_one(_handler(core, name, nowhere), url=url, reader=reader, progress=show)
        async with connected(core.pool) as connection:  # asked last: what came during a long comparison is not behind
            rows = await positions(connection, names)
        return found, await lags(reader, from_the_start(rows, {name: _topic(core, name) for name in names}))


def _handler(core: "Core", name: str, keep: "Keep") -> "ProjectionHandler[Any, Any]":
    from projections.read_models import READ_MODELS, handler_of

    return handler_of(READ_MODELS[name], core.codec, core.schemas.know, keep)


def _topic(core: "Core", name: str) -> tuple[str, int]:
    """Give the broker's name of the topic that a read model is kept from, and its number of partitions."""
    from projections.read_models import READ_MODELS
    from schemas.topics import physical

    topic = READ_MODELS[name].topic
    return physical(core.settings.namespace, topic), core.contract.topics[topic].partitions


def _known(names: list[str]) -> None:
    from bus.domain.naming import nearest
    from projections.read_models import READ_MODELS

    for name in names:
        if name not in READ_MODELS:
            close = nearest(name, READ_MODELS)
            meant = f"; did you mean {close}?" if close else ""
            echo(f"ticketbus: no read model {name!r}: there are {', '.join(READ_MODELS)}{meant}", err=True)
            raise typer.Exit(2)
