"""Redrives on the console: at which of the four steps one stands."""

from collections.abc import Mapping
from typing import Any

import pytest

from console.pages.redrives import step_of
from tests.console.test_letters import FROZEN


@pytest.mark.parametrize(
    ("now", "step"),
    [
        ({"state": "frozen"}, "dry_run"),
        ({"state": "running"}, "canary"),
        ({"state": "running", "released": 2, "delivered": 1, "first_released_at": "x"}, "canary"),
        ({"state": "running", "released": 3, "delivered": 2, "first_released_at": "x"}, "rest"),
        ({"state": "stopped", "released": 2, "failed": 1, "first_released_at": "x"}, "canary"),
        ({"state": "done", "released": 4, "delivered": 4, "first_released_at": "x"}, "rest"),
    ],
)
def test_redrives_one_stands_at_one_of_four_steps(now: Mapping[str, Any], step: str) -> None:
    assert step_of({**FROZEN, **now}) == step
