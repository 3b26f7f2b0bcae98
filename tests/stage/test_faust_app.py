"""How a stage's App is made: what FACTS taught about the framework's defaults, as settings."""

from ssl import create_default_context
from typing import Any

import pytest
from faust.auth import SASLCredentials, SSLCredentials

from bus.stage.faust_app import Batch, make_app
from bus.stage.handler import Stage

STAGE = Stage(name="s", topic="t1.ticket.events", group="t1.ticketbus.s", handlers=())
PLAIN: dict[str, Any] = {"bootstrap_servers": "a:1,b:2", "security_protocol": "PLAINTEXT"}
SASL: dict[str, Any] = {"sasl_plain_username": "u", "sasl_plain_password": "p", "sasl_mechanism": "SCRAM-SHA-512"}


async def _deliver(_batch: Batch) -> None:
    """Take nothing."""


def test_faust_app_the_app_joins_the_stages_group_on_every_broker_and_serves_nothing() -> None:
    app = make_app(STAGE, kafka=PLAIN, deliver=_deliver)
    assert app.conf.id == "t1.ticketbus.s"
    assert [str(one) for one in app.conf.broker] == ["kafka://a:1", "kafka://b:2"]
    assert not app.conf.web_enabled
    assert not app.conf.topic_allow_declare
    assert app.conf.broker_session_timeout == 10
    assert [agent.concurrency for agent in app.agents.values()] == [1]


@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
def test_faust_app_sasl_is_passed_on(protocol: str) -> None:
    tls = {"ssl_context": create_default_context()} if protocol == "SASL_SSL" else {}
    app = make_app(STAGE, kafka={**PLAIN, **SASL, **tls, "security_protocol": protocol}, deliver=_deliver)
    credentials = app.conf.broker_credentials
    assert isinstance(credentials, SASLCredentials)
    assert (credentials.protocol.value, credentials.mechanism.value) == (protocol, "SCRAM-SHA-512")
    assert (credentials.username, credentials.password) == ("u", "p")


def test_faust_app_tls_is_passed_on() -> None:
    tls = {**PLAIN, "security_protocol": "SSL", "ssl_context": create_default_context()}
    credentials = make_app(STAGE, kafka=tls, deliver=_deliver).conf.broker_credentials
    assert isinstance(credentials, SSLCredentials)
    assert credentials.context is tls["ssl_context"]
