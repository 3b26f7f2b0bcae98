"""A bundle verifies by itself, and nothing in it can be changed, dropped or added; on the real parts."""

import json
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from bus.app import Core
from bus.audit.bundle import NotSealed, TooManyEvents, bundle_of, not_as_sealed, read_history, verify_bundle
from bus.audit.checkpoint import NoteInvalid
from bus.audit.sealer import TreeForked
from bus.audit.subject import Subject
from bus.intake.dispatch import utc_now
from bus.postgres.pool import snapshot
from bus.privacy.erase import Erasure, erase
from bus.programs.audit_checking import witness_notes
from tests.audit.keys import made_up_key
from tests.audit.lives import AT, KEY, PHONE, execute, live, report_of, sealed, sealed_lives
from tests.audit.test_check import ADDED
from tests.audit.test_sealer import NINE_LEAVES
from tests.bus_under_test import Bus


async def number_of(core: Core, end: str) -> str:
    async with core.pool.connection() as connection:
        ((found,),) = await (
            await connection.execute(b"SELECT ticket_id FROM ticket_states WHERE ticket_id LIKE %s", (f"%{end}",))
        ).fetchall()
    return str(found)


async def made(core: Core, subject: Subject) -> bytes:
    async with snapshot(core.pool) as connection:
        history = await read_history(connection, subject)
        return await bundle_of(connection, subject, history, KEY, AT)


def swap_values(events: list[dict[str, Any]]) -> None:
    events[0]["value"], events[1]["value"] = events[1]["value"], events[0]["value"]


def change_head(events: list[dict[str, Any]]) -> None:
    events[1]["head"] = events[1]["head"].replace('"crm"', '"erp"')


def change_proof(events: list[dict[str, Any]]) -> None:
    events[1]["proof"] = events[0]["proof"]


def drop_last(events: list[dict[str, Any]]) -> None:
    events.pop()


def drop_middle(events: list[dict[str, Any]]) -> None:
    events.pop(1)


def add(events: list[dict[str, Any]]) -> None:
    events.append(events[0] | {"leaf": 12})


CHANGES: dict[Callable[[list[dict[str, Any]]], None], set[str]] = {
    swap_values: {"bundle_changed", "not_in_tree"},
    change_head: {"bundle_changed", "not_in_tree"},
    change_proof: {"bundle_changed", "not_in_tree"},
    drop_last: {"bundle_changed"},
    drop_middle: {"bundle_changed", "missing"},
    add: {"bundle_changed", "not_in_tree"},
}


def signed_again(raw: bytes, change: Callable[[list[dict[str, Any]]], None]) -> bytes:
    """Change the events as somebody who has the key."""
    body = json.loads(raw)
    body.pop("signature")
    change(body["events"])
    digest = sha256(json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()
    body["signature"] = KEY.sign(f"{KEY.name}/bundle\n{len(body['events'])}\n{digest}\n")
    return json.dumps(body).encode()


async def test_bundle_of_a_ticket_verifies_and_no_change_does(core: Core) -> None:
    await sealed_lives(core)
    ticket = await number_of(core, "-000002")
    raw = await made(core, Subject(ticket=ticket))
    witness = await witness_notes(core.settings, core.codec)
    report = verify_bundle(raw, KEY.public, witness)
    assert (report.listed, report.events, report.size, report.witnessed) == ([], 3, 15, True)
    assert PHONE.encode() not in raw
    assert "李女士".encode() not in raw
    for change, kinds in CHANGES.items():
        body = json.loads(raw)
        change(body["events"])
        found = {one.kind for one in verify_bundle(json.dumps(body).encode(), KEY.public, witness).listed}
        assert found == kinds, change
    empty = verify_bundle(signed_again(raw, list.clear), KEY.public, witness)
    assert [one.kind for one in empty.listed] == ["empty"]
    cut = verify_bundle(signed_again(raw, drop_last), KEY.public, witness)
    assert (report.last_version, cut.last_version, cut.listed) == (3, 2, []), "a later version cannot be proven away"
    stranger = verify_bundle(raw, made_up_key(2).public, None)
    assert {one.kind for one in stranger.listed} == {"key", "bundle_changed", "checkpoint_invalid"}
    assert [one.kind for one in verify_bundle(raw, KEY.public, witness[:1]).listed] == ["not_witnessed"]
    for wrong in (b"{}", json.dumps(json.loads(raw) | {"about": {}}).encode()):
        with pytest.raises(NoteInvalid):
            verify_bundle(wrong, None, None)


async def test_bundle_of_a_rebuilt_tree_differs_from_the_witness(core: Core) -> None:
    await sealed_lives(core)
    witness = await witness_notes(core.settings, core.codec)
    await execute(
        core,
        "UPDATE events SET source = 'erp' WHERE ONE",
        "TRUNCATE audit_leaves, audit_tiles, audit_checkpoints",
        "INSERT INTO audit_pending SELECT ticket_id, version FROM events",
    )
    await sealed(core, AT, blind=True)
    report = verify_bundle(await made(core, Subject(ticket=await number_of(core, "-000002"))), KEY.public, witness)
    assert ([one.kind for one in report.listed], report.witnessed) == (["tree_differs_from_witness"], False)


async def test_bundle_of_a_period_is_whole_and_what_waits_is_refused(core: Core) -> None:
    await sealed_lives(core)
    subject = Subject(since=utc_now() - timedelta(days=1), until=utc_now() + timedelta(days=1))
    report = verify_bundle(await made(core, subject), KEY.public, None)
    assert (report.listed, report.events, report.tickets) == ([], 15, 5)
    await execute(core, "UPDATE events SET recorded_at = recorded_at - interval '2 days' WHERE ONE")
    within = verify_bundle(await made(core, subject), KEY.public, None)
    assert ({one.kind for one in within.listed}, within.events) == ({"missing"}, 14)
    async with snapshot(core.pool) as connection:
        with pytest.raises(TooManyEvents, match="more than 9"):
            await read_history(connection, subject, 9)
    await live(core, range(7, 8))
    with pytest.raises(NotSealed, match="3 events"):
        await made(core, subject)


async def test_bundle_of_a_period_names_a_ticket_that_is_wholly_gone(core: Core) -> None:
    await sealed_lives(core)
    day = timedelta(days=1)
    now = utc_now()
    await execute(core, "DELETE FROM events WHERE ticket_id LIKE '%-000002'")
    subject = Subject(since=now - day, until=now + day)
    with pytest.raises(NotSealed, match=r"-000002/1 \(dropped\).*-000002/3 \(dropped\)"):
        await made(core, subject)
    with pytest.raises(NotSealed, match="no events to prove"):
        await made(core, Subject(since=now - 2 * day, until=now - day))
    await execute(core, "DELETE FROM events", "UPDATE audit_leaves SET recorded_at = NULL WHERE leaf = 0")
    async with snapshot(core.pool) as connection:
        assert await read_history(connection, subject) == []
        assert len(await not_as_sealed(connection, subject, [])) == 15, "nothing is left, and all of it is named"
        before = await not_as_sealed(connection, Subject(since=now - 2 * day, until=now - day), [])
    assert len(before) == 1, "a leaf without a time may be of any period"


async def test_bundle_names_an_event_that_the_bus_did_not_write_and_what_the_sealer_refuses(core: Core) -> None:
    await sealed_lives(core)
    await live(core, range(5, 6))
    subject = Subject(ticket=await number_of(core, "-000002"))
    young = Subject(ticket=await number_of(core, "-000006"))
    with pytest.raises(NotSealed, match="3 events are under no checkpoint yet"):
        await made(core, young)
    await execute(core, ADDED)
    with pytest.raises(NotSealed, match=r"-000002/9 \(added\)"):
        await made(core, subject)
    await execute(core, "DELETE FROM events WHERE version = 9", *NINE_LEAVES)
    with pytest.raises(TreeForked):
        await sealed(core, AT + timedelta(minutes=9))
    for one in (subject, young):
        with pytest.raises(NotSealed, match="the tree has 12 leaves, a checkpoint that was signed has 15"):
            await made(core, one)


async def test_bundle_an_erased_ticket_still_verifies(core: Core) -> None:
    await sealed_lives(core)
    await execute(core, "UPDATE ticket_states SET state = jsonb_set(state, '{state}', '\"closed\"')")
    erasure = Erasure(by="张工", why="客户要求", at=AT + timedelta(minutes=5))
    await erase(core.pool, core.clear, core.dispatcher.dispatch, PHONE, erasure)
    assert await sealed(core, AT + timedelta(minutes=9)) == 5
    assert (await report_of(core)).listed == []
    report = verify_bundle(await made(core, Subject(ticket=await number_of(core, "-000002"))), KEY.public, None)
    assert (report.listed, report.events) == ([], 4)


async def test_bundle_by_the_command_line_with_its_page_key_and_witness(bus: Bus, core: Core, tmp_path: Path) -> None:
    await sealed_lives(core)
    ticket = await number_of(core, "-000002")
    page, proof = tmp_path / "history.html", tmp_path / "proof.json"
    shown = bus.run("audit", ticket, "--json", "--html", str(page), "--bundle", str(proof))
    assert (shown.returncode, shown.stderr) == (0, "")
    rows = [json.loads(line) for line in shown.stdout.splitlines()]
    assert ([row["zh"] for row in rows], rows[1]["reason"], len(rows[0]["leaf_hash"])) == (
        ["建单", "指派", "接单"],
        "就近",
        64,
    )
    assert rows[0]["customer"]["phone"] == PHONE
    assert ("@media print" in page.read_text(), page.stat().st_mode & 0o77) == (True, 0)
    (tmp_path / "key").write_text(bus.run("audit", "key").stdout)
    (tmp_path / "witness").write_text(bus.run("audit", "witness").stdout)
    offline = bus.environment.copy()
    for name in ("DATABASE_URL", "KAFKA_BOOTSTRAP", "SCHEMA_REGISTRY_URL", "TICKETBUS_AUDIT_KEY"):
        bus.environment.pop(name)
    files = ("--key", str(tmp_path / "key"), "--witness", str(tmp_path / "witness"))
    verified = bus.run("audit", "verify", str(proof), *files)
    assert (verified.returncode, "通过 / verified" in verified.stdout, verified.stderr) == (0, True, "")
    assert (
        "versions 1 to 3, without a gap; whether there are later ones only the bus's own tree says" in verified.stdout
    )
    assert "not checked" in bus.run("audit", "verify", str(proof)).stdout
    proof.write_text(proof.read_text().replace(ticket, ticket[:-1] + "3"))
    assert bus.run("audit", "verify", str(proof), *files).returncode == 1
    bus.environment |= offline
    assert bus.run("audit", "check").returncode == 0
    await execute(core, ADDED)
    forged = bus.run("audit", ticket)
    assert (forged.returncode, f"{ticket}/9 (added)" in forged.stderr) == (1, True)
    await execute(core, "DELETE FROM events WHERE ONE", "UPDATE events SET source = 'erp' WHERE TWO")
    gone = bus.run("audit", ticket)
    assert (gone.returncode, f"{ticket}/2 (dropped)" in gone.stderr) == (1, True)
    changed = bus.run("audit", ticket[:-1] + "3")
    assert (changed.returncode, "/2 (changed)" in changed.stderr) == (1, True)
    checked = bus.run("audit", "check")
    assert (checked.returncode, f"dropped {ticket}/2" in checked.stdout) == (1, True)
    bus.environment.pop("TICKETBUS_AUDIT_KEY")
    assert "TICKETBUS_AUDIT_KEY is not set" in bus.run("audit", "check").stderr
