"""The audit tree as HTTP asks for it: its state, what a check finds, and when none is made."""

from dataclasses import replace

import pytest
from pydantic import SecretStr

from bus.app import Core
from bus.gateway.http.problems import HttpProblem
from bus.programs import audit_asked
from bus.programs.audit_asked import audit_tree_of
from tests.audit.keys import ORIGIN, made_up_key, pem_of
from tests.audit.lives import execute, sealed_lives


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
