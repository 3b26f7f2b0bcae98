"""The embedded server's two databases, each owned by a role that is no superuser and may connect to no other."""

from typing import Final, LiteralString

import psycopg
from psycopg import Connection, sql

from bus.local import postgres
from bus.local.state import Secrets

# What the superuser of versions before owns there, as the statement that gives it away; system schemas are none of it.
_OWNED: Final = """
SELECT format('ALTER %%s %%I.%%I OWNER TO %%I',
    CASE c.relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END,
    n.nspname, c.relname, %(role)s::text)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm', 'S') AND c.relowner = to_regrole(%(before)s)
    AND NOT (c.relkind = 'S' AND EXISTS (  -- a column's own sequence goes with its table
        SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')))
UNION ALL
SELECT format('ALTER ROUTINE %%s OWNER TO %%I', p.oid::regprocedure, %(role)s::text)
FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.proowner = to_regrole(%(before)s)"""


def make_databases(*, port: int, secrets: Secrets) -> None:
    """Create the bus's and the registry's role and database. Idempotent; takes over what a superuser made before."""
    owners = (
        (postgres.DATABASE, postgres.BUS_ROLE, secrets.bus_database_password),
        (postgres.REGISTRY_DATABASE, postgres.REGISTRY_ROLE, secrets.registry_database_password),
    )
    admin = postgres.admin_url(port=port, password=secrets.database_password)
    with psycopg.connect(admin, autocommit=True) as connection:
        roles = _names(connection, "SELECT rolname FROM pg_roles")
        databases = _names(connection, "SELECT datname FROM pg_database")
        for database, role, password in owners:
            _make_role(connection, role, password, there=role in roles)
            how = "ALTER DATABASE {} OWNER TO {}" if database in databases else "CREATE DATABASE {} OWNER {}"
            names = sql.Identifier(database), sql.Identifier(role)
            connection.execute(sql.SQL(how).format(*names))
        for database in (postgres.ADMIN_DATABASE, postgres.DATABASE, postgres.REGISTRY_DATABASE, "template1"):
            connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(database)))
    for database, role, _ in owners:
        if database in databases:
            url = postgres.admin_url(port=port, password=secrets.database_password, database=database)
            _give_away(url, role)


def _make_role(connection: "Connection[tuple[object, ...]]", role: str, password: str, *, there: bool) -> None:
    how = "ALTER ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {}"
    statement = sql.SQL(how if there else how.replace("ALTER", "CREATE"))
    connection.execute(statement.format(sql.Identifier(role), sql.Literal(password)))


def _give_away(url: str, role: str) -> None:
    with psycopg.connect(url) as connection:
        found = connection.execute(_OWNED, {"role": role, "before": postgres.USER}).fetchall()
        for (statement,) in found:
            connection.execute(statement)


def _names(connection: "Connection[tuple[object, ...]]", query: LiteralString) -> set[object]:
    return {name for (name,) in connection.execute(query).fetchall()}
