"""`ticketbus demo` as anybody runs it: the whole story on a real stack, and nothing left of it."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2
import psutil
import pytest

DEMO_S_MAX = 600  # a machine of its own needs a tenth of it
ALARMS = (
    ("对来源系统应答 5xx", "crm"),
    ("使用了未声明的主题", "bi → ticket.assigns"),
    ("磁盘即将写满", "demo-host /data"),
)


@contextmanager
def demo(scratch: Path, *options: str) -> Iterator["subprocess.Popen[str]"]:
    """Run the demo with its temporary directory in `scratch`, and with addresses set that it must not touch."""
    elsewhere = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "KAFKA_BOOTSTRAP": "127.0.0.1:1"}
    with subprocess.Popen(
        [sys.executable, "-m", "bus", "demo", *options],
        env={**os.environ, **elsewhere, "TMPDIR": str(scratch), "TICKETBUS_NAMESPACE": "elsewhere"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def read_until(process: "subprocess.Popen[str]", heard: str) -> str:
    """Read what the demo prints until a line has that text."""
    assert process.stdout is not None
    said = ""
    while heard not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    return said


def left_behind(scratch: Path) -> list[str]:
    """List processes that were started for this demo."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            line = [*process.cmdline(), *process.environ().values()]
            if process.pid != os.getpid() and any(f"{scratch}/ticketbus-demo-" in each for each in line):
                found.append(f"{process.pid} {process.name()}")
    return found


def test_demo_the_story_ends_well_in_time_and_leaves_nothing(tmp_path: Path) -> None:
    with demo(tmp_path, "--stay") as process:
        said = read_until(process, "令牌 token: ")
        pages, token = re.findall(r"http://\S+/console/\S+", said), said.split()[-1]
        with httpx2.Client(follow_redirects=True) as browser:
            browser.post(pages[0].replace("/now", "/sign-in"), data={"token": token})
            shown = {page: browser.get(page) for page in pages}
        process.send_signal(signal.SIGINT)
        said += process.communicate(timeout=DEMO_S_MAX)[0]
    assert process.returncode == 0, said
    assert len(pages) == 4
    for page, answer in shown.items():
        assert (answer.status_code, str(answer.url)) == (200, page)
    assert "ticket.assigned.v1" in shown[pages[1]].text
    for word in ("已关闭", "did you mean", "ticket.assigned.v1", "缺少", "trace_id", "projected"):
        assert word in said, said
    assert re.search(r"智能派单建议 张伟\n.*\n +张伟 +\d[\d,]*\n.*\n +刘洋 +工单类型不符", said), said
    for word in ("熔断打开", "refused at DynamicFormService.Save", "周敏", "审核 audited × 1", "parts.issued.v1"):
        assert word in said, said
    assert re.search(r"【P2 告警】工单时限:T\d+-\d+ first_response\n.*首次响应已超时.*\n +通知 / for: 组长", said), said
    for title, about in ALARMS:
        assert re.search(rf"故障后 \d+\.\d 秒送达\n.*\n +【P\d 告警】{title}:{about}\n", said), said
    assert left_behind(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("heard", "polite"), [("postgres answers", signal.SIGINT), ("6. ERP", signal.SIGTERM)])
def test_demo_interrupted_at_any_time_leaves_nothing(tmp_path: Path, heard: str, polite: signal.Signals) -> None:
    with demo(tmp_path) as process:
        read_until(process, heard)
        process.send_signal(polite)
        assert process.wait(timeout=120) == 130
    assert left_behind(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
