"""The channels of the alerts file: built once, closed with the program, and a fault in one leaves none open."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.adapter import ChannelAdapter, ChannelServices, EnvironmentSecrets, Options
from bus.alerts.engine.channel import ChannelMessage
from bus.config_file import ConfigFileInvalid
from bus.programs import alerting
from bus.settings import Settings


class CountedOptions(Options):
    """`broken`: it cannot be built."""

    broken: bool = False


class Counted:
    """A channel that is counted."""

    built = 0
    closed = 0

    async def send(self, message: ChannelMessage) -> None:
        """Take it."""

    async def close(self) -> None:
        """Count it."""
        Counted.closed += 1


def build(options: CountedOptions, secrets: EnvironmentSecrets, _services: ChannelServices) -> Counted:
    """Build and count one."""
    if options.broken:
        raise ConfigFileInvalid(f"{secrets.where}.broken: it is")
    Counted.built += 1
    return Counted()


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give settings whose alerts file has those channels."""
    adapter = ChannelAdapter(name="counted", options=CountedOptions, build=build)
    monkeypatch.setattr(alerting, "CHANNELS", {"counted": adapter})
    Counted.built = Counted.closed = 0

    def settings(**channels: Any) -> Settings:
        file = tmp_path / "alerts.yaml"
        file.write_text(yaml.safe_dump({"channels": channels}))
        return Settings(alerts_file=file)

    return settings


async def test_alert_channels_are_built_once_and_closed_at_the_end(configured: Any) -> None:
    one = {"adapter": "counted"}
    async with alerting.open_channels(configured(a=one, b=one)) as opened:
        assert [*opened.channels] == ["a", "b"]
        assert (Counted.built, Counted.closed) == (2, 0)
    assert (Counted.built, Counted.closed) == (2, 2)


async def test_alert_channels_a_fault_names_its_field_and_leaves_none_open(configured: Any) -> None:
    settings = configured(a={"adapter": "counted"}, b={"adapter": "counted", "options": {"broken": True}})
    with pytest.raises(ConfigFileInvalid, match=r"alerts\.yaml: channels\.b\.options\.broken: it is"):
        await alerting.check_channels(settings)
    assert (Counted.built, Counted.closed) == (1, 1)
