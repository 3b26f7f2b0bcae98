"""The supervisor: programs beside the parts, started in order, started again, stopped in order, taken over."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
import pytest

from bus.lent_settings import started_after_boot_s
from bus.local import state as states
from bus.local import survey
from bus.local.failures import LocalStackError
from bus.local.parts import Program
from bus.local.process import Identity
from bus.local.stack import LocalStack
from bus.settings import Settings
from tests.local.waiting import wait_until

GATEWAY = """
import http.server, os, sys
from pathlib import Path
assert os.environ["DATABASE_URL"] and os.environ["TICKETBUS_TOKEN"] and "crm" in os.environ["TICKETBUS_WEBHOOK_SECRETS"]
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/readyz" else 404)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(os.environ["TICKETBUS_HTTP_PORT"])), Ready).serve_forever()
"""

MakeSettings = Callable[..., Settings]


def gateway() -> Program:
    return Program(name="gateway", argv=[sys.executable, "-c", GATEWAY])


def sleeper(name: str) -> Program:
    return Program(name=name, argv=["sleep", "120"])


def test_stack_programs_start_after_the_preparation_and_stop_with_the_stack(
    outside: MakeSettings, data: Path, said: list[str]
) -> None:
    prepared: list[Settings] = []

    async def prepare(settings: Settings) -> None:
        assert not (states.load(data) or states.StackState()).processes
        prepared.append(settings)

    stack = LocalStack(
        data=data, settings=outside(), prepare=prepare, programs=[gateway(), sleeper("worker")], say=said.append
    )
    stack.start()
    try:
        assert prepared[0].token is not None
        assert prepared[0].url == stack.state.lends["url"]
        assert [row.part for row in survey.survey(data)] == ["postgres", "kafka", "registry", "gateway", "worker"]
        assert survey.all_up(survey.survey(data))
        processes = list(stack.state.processes.values())
    finally:
        stack.stop()
    assert not any(each.alive() for each in processes)
    assert (states.load(data) or stack.state).phase == "stopped"


def test_stack_a_program_that_ends_is_started_again_and_said_so(
    outside: MakeSettings, data: Path, said: list[str]
) -> None:
    stack = LocalStack(data=data, settings=outside(), programs=[sleeper("worker")], say=said.append)
    stack.start()
    try:
        first = stack.state.processes["worker"]
        os.kill(first.pid, signal.SIGKILL)

        def again() -> bool:
            stack.keep()
            return stack.state.processes["worker"] != first

        wait_until(again)
        assert any(line.startswith("worker ended with -9; starting it again in") for line in said)
        (row,) = (row for row in survey.survey(data) if row.part == "worker")
        assert (row.state, row.restarts) == ("up", 1)
    finally:
        stack.stop()


def test_stack_a_program_that_cannot_start_is_told_with_its_last_words(outside: MakeSettings, data: Path) -> None:
    broken = Program(name="gateway", argv=[sys.executable, "-c", "import sys; sys.exit('no such table')"])
    stack = LocalStack(data=data, settings=outside(), programs=[sleeper("worker"), broken])
    with pytest.raises(LocalStackError, match=r"(?s)gateway ended with 1 while starting.*no such table"):
        stack.start()
    state = states.load(data)
    assert state is not None
    assert (state.phase, state.processes) == ("stopped", {})


def test_stack_no_program_is_said_to_answer_that_ended_and_nothing_is_ready(
    outside: MakeSettings, data: Path, said: list[str]
) -> None:
    slow = Program(name="gateway", argv=[sys.executable, "-c", f"import time; time.sleep(1)\n{GATEWAY}"])
    broken = Program(name="worker", argv=[sys.executable, "-c", "import sys; sys.exit('targets.yaml: erp: no url')"])
    stack = LocalStack(data=data, settings=outside(), programs=[slow, broken], say=said.append)
    with pytest.raises(LocalStackError, match=r"(?s)worker ended with 1 while starting.*targets.yaml: erp: no url"):
        stack.start()
    assert not [line for line in said if line.startswith(("worker", "ready"))]


def test_stack_up_with_a_targets_file_that_no_worker_takes_names_file_and_fault_and_starts_nothing(
    tmp_path: Path,
) -> None:
    file = tmp_path / "targets.yaml"
    file.write_text(
        "targets: {erp: {adapter: crm-callback, events: all, options: {url: 'https://e', secrets: [NO_X]}}}"
    )
    done = subprocess.run(
        [sys.executable, "-m", "bus", "up", "--data", str(tmp_path / "data")],
        env={**os.environ, "TICKETBUS_TARGETS_FILE": str(file)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert str(file) in done.stderr
    assert "NO_X" in done.stderr
    assert "answers" not in done.stderr
    assert not (tmp_path / "data").exists()


def test_stack_what_a_killed_supervisor_left_is_stopped_before_anything_starts(
    outside: MakeSettings, data: Path, said: list[str]
) -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as left:
        dead = Identity(pid=2**22 - 1, started=1.0)
        found = Identity(pid=left.pid, started=started_after_boot_s(psutil.Process(left.pid)))
        states.save(data, states.StackState(phase="ready", supervisor=dead, processes={"worker": found}))
        stack = LocalStack(data=data, settings=outside(), say=said.append)
        stack.start()
        stack.stop()
        assert left.wait() == -signal.SIGTERM
    assert said[0] == f"stopped worker (process {left.pid}), which a killed supervisor had left"


def test_stack_an_interrupt_stops_the_stack_and_a_second_one_hurries(outside: MakeSettings, data: Path) -> None:
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    said: list[str] = []
    hurried: list[float] = []
    stack = LocalStack(
        data=data,
        settings=outside(),
        programs=[Program(name="worker", argv=[sys.executable, "-c", deaf])],
        say=said.append,
    )

    def interrupt_twice() -> None:
        wait_until(lambda: "deaf" in (data / "logs" / "worker.log").read_text() and "ready" in said[-1])
        os.kill(os.getpid(), signal.SIGINT)
        wait_until(lambda: said[-1] == "stopping")
        hurried.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    (data / "logs").mkdir()
    (data / "logs" / "worker.log").touch()
    said.append("")
    thread = threading.Thread(target=interrupt_twice)
    thread.start()
    stack.run()
    thread.join()
    assert time.monotonic() - hurried[0] < 14, "a program's grace is 15 s"
    assert said[-1] == "worker did not stop in time and was killed"


def test_stack_after_kill_9_the_next_up_takes_over_and_sigterm_leaves_nothing(
    outside: MakeSettings, data: Path
) -> None:
    """The command line for real: PostgreSQL and Kafka embedded, the registry an outside one."""
    environment = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "KAFKA_BOOTSTRAP"}}
    environment["SCHEMA_REGISTRY_URL"] = str(outside().schema_registry_url)
    command = [sys.executable, "-m", "bus"]

    def up() -> "tuple[subprocess.Popen[bytes], states.StackState]":
        process = subprocess.Popen([*command, "up", "--parts-only", "--data", str(data)], env=environment)

        def ready() -> bool:
            assert process.poll() is None
            state = states.load(data)
            return bool(state and state.phase == "ready" and state.supervisor and state.supervisor.pid == process.pid)

        wait_until(ready)
        state = states.load(data)
        assert state is not None
        return process, state

    first, before = up()
    with first:
        first.kill()
    second, after = up()
    with second:
        assert not any(each.alive() for each in before.processes.values())
        assert set(after.processes) == {"postgres", "kafka"}
        psycopg.connect(after.lends["database_url"]).close()
        assert subprocess.run([*command, "status", "--data", str(data)], env=environment, check=False).returncode == 0
        second.terminate()
        assert second.wait(120) == 0
    assert not any(each.alive() for each in after.processes.values())
    assert subprocess.run([*command, "status", "--data", str(data)], env=environment, check=False).returncode == 1
