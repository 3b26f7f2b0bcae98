"""The number of the database's schema, its newest migration: held against what this program knows."""

from collections.abc import Collection
from importlib import resources
from importlib.metadata import version
from typing import Final, LiteralString

from bus.domain.errors import BusError
from bus.domain.text import Text
from bus.postgres.connected_programs import wait_for_programs
from bus.postgres.pool import APPLICATION, Connection

PREPARING: Final = f"{APPLICATION} prepare"
ALONE_BEFORE: Final = "20261128000120"
"""A database of before this migration is migrated while no program runs: those of 0.2.0 would hand sealed texts on."""
_PREPARED: LiteralString = "SELECT to_regclass('schema_migrations') IS NOT NULL"
_NUMBER: LiteralString = "SELECT coalesce(max(version), '') FROM schema_migrations"


class SchemaNewer(BusError):
    """A newer release has migrated the database; this program would misread it."""


class ProgramsRun(BusError):
    """Programs of an earlier release run, and cannot live with what `prepare` would do."""


def known_migrations() -> Collection[str]:
    """Give the numbers of this program's migrations, as dbmate keeps them."""
    folder = resources.files("bus.postgres").joinpath("migrations")
    return {one.name.partition("_")[0] for one in folder.iterdir() if one.name.endswith(".sql")}


def known_schema() -> str:
    """Give the number of this program's newest migration."""
    return max(known_migrations())


async def schema_number(connection: Connection) -> str:
    """Read the number of the database's schema. Raises DatabaseNotPrepared where no migration was ever applied."""
    ((number,),) = await (await connection.execute(_NUMBER)).fetchall()
    return str(number)


async def check_not_newer(connection: Connection) -> None:
    """Refuse a database that a newer release has migrated. Raises SchemaNewer, DatabaseNotPrepared."""
    refuse_newer(await schema_number(connection))


def refuse_newer(number: str) -> None:
    """Refuse a schema that this program does not know. Raises SchemaNewer, which says what to do."""
    if number > (known := known_schema()):
        release = version("ticketbus")
        raise SchemaNewer(
            str(
                Text(
                    f"数据库结构为 {number},本程序({release})只认识到 {known}:请使用迁移数据库的那个版本;"
                    "要回到旧版本,只能恢复升级前的备份(docs/upgrading.md)",
                    f"the database's schema is {number}, this program ({release}) knows up to {known}: run the release "
                    "that migrated it; the way back is the backup of before the upgrade (docs/upgrading.md)",
                )
            )
        )


async def check_may_migrate(connection: Connection) -> None:
    """Refuse to migrate a newer schema, or beside programs that cannot live with what is to come.

    Programs that are stopping are waited for. Raises SchemaNewer, ProgramsRun.
    """
    ((prepared,),) = await (await connection.execute(_PREPARED)).fetchall()
    number = await schema_number(connection) if prepared else ""
    refuse_newer(number)
    if "" < number < ALONE_BEFORE and (named := await wait_for_programs(connection, PREPARING)):
        zh = f"此次升级要求停止所有程序,仍连接着数据库的有: {named}。请停止它们,再运行 ticketbus prepare"
        en = "this upgrade wants all programs stopped, and these are connected; stop them, then run `ticketbus prepare`"
        raise ProgramsRun(str(Text(zh, en)))
