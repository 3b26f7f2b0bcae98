"""`ticketbus map`: sources that are plugged in by a map."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from bus.cli.echo import echo
from bus.cli.redrive import not_blank, person
from bus.cli.settings import Data, Json

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from adapters.mapped.map_file import SourceMap
    from bus.app import Core

Decided = TypeVar("Decided")
commands = typer.Typer(name="map", help="Sources that are plugged in by a map.", no_args_is_help=True)

MapFile = Annotated[Path, typer.Argument(metavar="MAP", help="YAML; - reads standard input.", allow_dash=True)]
Source = Annotated[str, typer.Argument(help="As its map names it.")]
By = Annotated[str, typer.Option("--by", callback=person, help="Who decides it.")]
Why = Annotated[str, typer.Option("--why", callback=not_blank, help="Why; it is kept with the version.")]


@commands.command()
def check(file: MapFile, data: Data = None) -> None:
    """Check a map: every fault at once, with its line and column. Wants no server; exits 1 when there is one.

    Example: ticketbus map check zendesk.yaml
    """
    mapped, _ = _read(file, data)
    echo(f"{mapped.source}: 对照表可用 / the map can be used: {len(mapped.commands)} 条命令 commands")


@commands.command("try")
def try_(
    file: MapFile,
    samples: Annotated[list[Path], typer.Argument(metavar="SAMPLE...", help="Bodies as the source sends them.")],
    header: Annotated[
        list[str] | None, typer.Option("--header", help="`name: value`, of every sample; may be repeated.")
    ] = None,
    *,
    prove: Annotated[
        bool, typer.Option("--prove", help="Prove each sample by these headers and the secrets of the environment.")
    ] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Translate samples, in order, as if they came to an empty bus: what would come out, and what be refused, and why.

    Nothing is sent or written, and no server is wanted. Exits 1 when a sample would be refused. A proof is that of
    when it was signed: samples may be old.

    Example: ticketbus map try zendesk.yaml created.json comment.json
    """
    from dataclasses import asdict

    from adapters.mapped.trial import tried
    from bus.cli.map_samples import lines_of, proof_holds
    from bus.cli.run import echo_json, resolved, run
    from bus.intake.dispatch import utc_now
    from bus.rules_config import load_rules

    mapped, _ = _read(file, data)
    headers = dict(_header(one) for one in header or ())
    bodies = {str(one): _bytes(one) for one in samples}
    found = run(tried(mapped, bodies, headers, load_rules(resolved(data)), utc_now()))
    proven = {name: proof_holds(mapped, name, body, headers) for name, body in bodies.items()} if prove else {}
    for one in found:
        if as_json:
            echo_json(asdict(one) | ({"proven": proven.get(one.sample)} if prove else {}))
        else:
            for line in lines_of(one, proven=proven.get(one.sample, True)):
                echo(line)
    if any(one.outcome == "refused" for one in found) or not all(proven.values()):
        raise typer.Exit(1)


@commands.command()
def apply(file: MapFile, *, by: By, why: Why, data: Data = None) -> None:
    """Bring a map into force: gateways and workers take it up within seconds, without a restart.

    The secrets that its proof names must be set where the gateways run; `ticketbus status` says where one is not.

    Example: ticketbus map apply zendesk.yaml --by 张工 --why "接入 Zendesk"
    """
    from adapters.mapped import versions
    from adapters.mapped.way import place_of
    from bus.cli.run import with_core

    mapped, content = _read(file, data)
    made = with_core(data, _decided(versions.apply, mapped.source, content, by=by, why=why))
    kind, way = mapped.transport.kind, place_of(mapped)
    if kind != "webhook":
        way = f"由 worker 读取({kind}),不接收推送 / a worker reads it ({kind}), nobody sends"
    echo(f"{mapped.source}: 第 {made} 版已生效 / version {made} is in force; {way}")


@commands.command()
def rollback(
    source: Source,
    to: Annotated[int | None, typer.Option("--to", min=1, help="The version; without: the one before.")] = None,
    *,
    by: By,
    why: Why,
    data: Data = None,
) -> None:
    """Bring an earlier version into force again, as a new one; the version before the first is none.

    Example: ticketbus map rollback zendesk --by 张工 --why "标题取错字段"
    """
    from adapters.mapped import versions
    from bus.cli.run import with_core

    made = with_core(data, _decided(versions.rollback, source, to, by=by, why=why))
    echo(
        f"{source}: 第 {made.version} 版已生效,与第 {made.copy_of} 版相同 / version {made.version} is in force, as "
        f"{made.copy_of} was"
    )


@commands.command()
def remove(source: Source, *, by: By, why: Why, data: Data = None) -> None:
    """Take a source off: its deliveries are refused as those of an unknown one; its versions stay listed.

    Example: ticketbus map remove zendesk --by 张工 --why "合同到期"
    """
    from adapters.mapped import versions
    from bus.cli.run import with_core
    from bus.postgres.pool import in_transaction

    made = with_core(data, lambda core: in_transaction(core.pool, versions.apply, source, None, by=by, why=why))
    echo(f"{source}: 已停用 / taken off, as version {made}")


@commands.command("list")
def list_all(
    source: Annotated[str, typer.Argument(help="Its versions alone.")] = "", data: Data = None, as_json: Json = False
) -> None:
    """List the versions of maps, the newest first: when, who, why; the first of each source is in force.

    Example: ticketbus map list zendesk
    """
    from dataclasses import asdict

    from adapters.mapped import versions
    from bus.cli.run import echo_json, with_core
    from bus.postgres.pool import in_transaction

    seen = set[str]()
    for one in with_core(data, lambda core: in_transaction(core.pool, versions.versions, source)):
        newest = one.source not in seen
        seen.add(one.source)
        if as_json:
            echo_json({**asdict(one), "in_force": newest and one.content is not None, "sha256": one.sha256})
            continue
        state = "停用 off" if one.content is None else "生效 in force" if newest else "旧 earlier"
        copied = f", 同第 {one.copy_of} 版 as {one.copy_of}" if one.copy_of else ""
        made = f"{one.made_at:%Y-%m-%d %H:%M:%S %z} {one.made_by}: {one.reason}"
        echo(f"{one.source} {one.version}: {state}{copied}, {made}")
    if not seen and not as_json:
        echo("没有对照表 / no maps", err=True)


@commands.command()
def show(
    source: Source,
    version: Annotated[int | None, typer.Option("--version", min=1, help="Without: the one in force.")] = None,
    data: Data = None,
) -> None:
    """Print a version of a map as it was applied.

    Example: ticketbus map show zendesk > zendesk.yaml
    """
    from adapters.mapped import versions
    from bus.cli.run import with_core
    from bus.postgres.pool import in_transaction

    known = with_core(data, lambda core: in_transaction(core.pool, versions.versions, source))
    found = next((one for one in known if version in (None, one.version)), None)
    if found is None or found.content is None:
        echo(f"没有“{source}”的这个版本 / there is no such version of {source!r}", err=True)
        raise typer.Exit(1)
    _print(found.content)


@commands.command()
def learn(
    source: Source,
    samples: Annotated[list[Path], typer.Argument(metavar="SAMPLE...", help="JSON bodies as the source sends them.")],
) -> None:
    """Print a first map, guessed from the names of the samples' fields; every guess is marked, to be gone over.

    Example: ticketbus map learn zendesk created.json comment.json > zendesk.yaml
    """
    from adapters.mapped.learned import learned
    from bus.domain.errors import MalformedInput

    try:
        _print(learned(source, [_bytes(one) for one in samples]))
    except MalformedInput as refusal:
        echo(f"{refusal.code} ({refusal.field}): {refusal.text}", err=True)
        raise typer.Exit(1) from None


@commands.command("shipped")
def shipped_map(
    name: Annotated[str, typer.Argument(help="Prints its map. Without: lists them.")] = "",
) -> None:
    """Print a map that comes with the bus, to be made one's own; without a name, list them. Wants no server.

    Example: ticketbus map shipped zendesk > zendesk.yaml
    """
    from adapters.mapped.shipped import shipped, shipped_names
    from bus.domain.naming import did_you_mean, nearest

    if not name:
        for one in shipped_names():
            echo(one)
        return
    try:
        _print(shipped(name))
    except KeyError:
        meant = did_you_mean(nearest(name, shipped_names()), quoted=True)
        raise typer.BadParameter(
            f"没有自带的对照表“{name}”{meant.zh} / no map of {name!r} is shipped{meant.en}"
        ) from None


def _decided(
    act: "Callable[..., Awaitable[Decided]]", *asked: object, by: str, why: str
) -> "Callable[[Core], Awaitable[Decided]]":
    """Decide on a source; what could not come into force beside the others is refused, and the one before stays."""

    async def work(core: "Core") -> Decided:
        from bus.postgres.pool import in_transaction
        from bus.programs.live_sources import checking

        return await in_transaction(core.pool, act, *asked, by=by, why=why, check=await checking(core))

    return work


def _print(content: str) -> None:
    for line in content.splitlines():
        echo(line)


def _bytes(path: Path) -> bytes:
    try:
        return typer.get_binary_stream("stdin").read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"{path}: {error.strerror}") from None


def _read(file: Path, data: Path | None) -> tuple["SourceMap", str]:
    """Read and check a map; its faults are printed, and end the command with 1."""
    from adapters.mapped.read_map import SourceMapInvalid, read_map
    from bus.cli.run import resolved
    from bus.rules_config import load_rules

    try:
        content = _bytes(file).decode("utf-8-sig")
        return read_map(content, str(file), load_rules(resolved(data)).sla), content
    except UnicodeDecodeError:
        echo(f"{file}: 不是 UTF-8 / is not in UTF-8", err=True)
    except SourceMapInvalid as error:
        for one in error.faults:
            echo(f"{file}:{one}", err=True)
    raise typer.Exit(1)


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise typer.BadParameter(f"{text!r}: 写作 `名称: 值` / is written as `name: value`")
    return name.strip(), value.strip()
