"""The audit tree as HTTP asks for it: its state, what a check finds, and when none is made."""

from dataclasses import replace

import pytest
from pydantic import SecretStr

from bus.app import Core
from bus.audit.bundle import verify_bundle
from bus.audit.subject import Subject
from bus.gateway.http.problems import HttpProblem
from bus.programs import audit_asked
from bus.programs.audit_asked import audit_tree_of
from tests.audit.keys import ORIGIN, made_up_key, pem_of
from tests.audit.lives import KEY, execute, live, sealed_lives
from tests.audit.test_bundle import number_of


def keyed(core: Core, pem: str | None) -> Core:
    """Give the core of a gateway with another key, or none."""
    own = {"audit_key": SecretStr(pem) if pem else None, "audit_origin": ORIGIN}
    return replace(core, settings=core.settings.model_copy(update=own))


async def test_audit_asked_gives_state_and_findings_as_the_command_does(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sealed_lives(core)
    tree = audit_tree_of(keyed(core, pem_of(made_up_key())))
    state, whole = await tree.state(), await tree.check()
    assert (state["keyed"], state["waiting"], state["refused_since"]) == (True, 0, None)
    assert state["leaves"] == state["checkpoint_size"] == whole["leaves"] > 0
    assert (whole["problems"], whole["listed"]) == (0, [])
    assert whole["witnessed"] > 0
    await execute(core, "UPDATE events SET value = value || '\\x00' WHERE ticket_id LIKE '%-000002' AND version = 2")
    (found,) = (await tree.check())["listed"]
    assert (found["kind"], found["en"]) == ("changed", "an event is not as it was sealed")
    monkeypatch.setattr(audit_asked, "LEAVES_MAX", 1)
    with pytest.raises(HttpProblem) as refused:
        await tree.check()
    assert refused.value.code == "too_large"
    unkeyed = audit_tree_of(keyed(core, None))
    assert not (await unkeyed.state())["keyed"]
    with pytest.raises(HttpProblem) as refused:
        await unkeyed.check()
    assert refused.value.code == "no_key"


async def test_audit_asked_for_a_bundle_gives_what_the_command_verifies_and_names_why_there_is_none(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sealed_lives(core)
    tree, subject = audit_tree_of(keyed(core, pem_of(KEY))), Subject(ticket=await number_of(core, "-000002"))
    report = verify_bundle(await tree.bundle(subject), KEY.public, None)
    assert (report.listed, report.about) == ([], {"ticket": subject.ticket})

    async def code_of(asked: Subject) -> tuple[int, str]:
        with pytest.raises(HttpProblem) as refused:
            await tree.bundle(asked)
        return refused.value.status, refused.value.code

    assert (await code_of(Subject(ticket="T20200101-000001")))[0] == 404
    await live(core, range(5, 6))
    assert await code_of(Subject(ticket=await number_of(core, "-000006"))) == (409, "not_sealed")
    monkeypatch.setattr(audit_asked, "BUNDLE_EVENTS_MAX", 1)
    assert await code_of(subject) == (400, "out_of_range")
