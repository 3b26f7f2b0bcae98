"""Requests about alerts: what each says. Pure."""

from typing import Annotated

from pydantic import Field

from bus.alerts.engine.silences import MINUTES_MAX
from bus.gateway.http.request_models import Name, NotBlank, Number, RequestModel


class AckAlert(RequestModel):
    """Say that you look after an open alert: it is not repeated and not escalated any more.

    A lead acknowledges the alerts of tickets' promises (`sla_escalation`), the other roles all.
    """

    alert: Number
    why: Name = ""


class SilenceRule(RequestModel):
    """Let nobody hear of a rule, or of it about one thing alone, for a while; its alerts stay listed.

    Again for the same rule and thing: the end and the reason change.
    """

    rule: NotBlank
    about: Name = ""
    minutes: Annotated[int, Field(ge=1, le=MINUTES_MAX)]
    why: NotBlank


class EndSilence(RequestModel):
    """End a silence before its time."""

    silence: Number


AlertRequest = AckAlert | SilenceRule | EndSilence
"""A request that changes what people hear of alerts."""
