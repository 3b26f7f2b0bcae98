"""Spans by the messaging conventions, logs in one form with personal data masked; the SDK wired once."""

import io
import json
import logging
from contextlib import redirect_stderr
from uuid import UUID

import pytest
import structlog

from bus.observability.logging import configure
from bus.observability.masking import mask_event, mask_text
from bus.observability.spans import LINKS_MAX, links
from bus.settings import mask_password
from bus.wire.headers import traceparent

EVENT = UUID("01a203d1-dd91-7743-930a-0448fe8f7199")


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("请回电 13812345678", "请回电 138****5678"),
        ("+86 138-1234-5678", "+86****5678"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("postgresql://ticketbus:geheim@127.0.0.1/x", "postgresql://ticketbus:***@127.0.0.1/x"),
        ("whsec_dGVzdA==", "whsec_***"),
        ("T20261122-000123", "T20261122-000123"),
        ("2026-01-18T08:00:00.123456Z", "2026-01-18T08:00:00.123456Z"),
        ("tel13812345678x", "tel138****5678x"),
        (
            "\uff11\uff13\uff18\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18",
            "\uff11\uff13\uff18****\uff15\uff16\uff17\uff18",
        ),
        ("138.1234.5678 或 0086 138 1234 5678", "138****5678 或 008****5678"),
        ("座机 010-62176966,+86 571-87654321,400-810-8888", "座机 010****6966,+86****4321,400****8888"),
        ("offset 62176966 of 2026-11-28", "offset 62176966 of 2026-11-28"),
        ("(021)62345678,02162345678,+8621 6234 5678", "(021****5678,021****5678,+86****5678"),
        ("138\u200b0000\u200b1111 138\u30000000\u30001111", "138****1111 138****1111"),
        ("138/0000/1111 138_0000_1111 138\u20130000\u20131111", "138****1111 138****1111 138****1111"),
        (
            "\u0661\u0663\u0668\u0660\u0660\u0660\u0660\u0661\u0662\u0663\u0664",
            "\u0661\u0663\u0668****\u0661\u0662\u0663\u0664",
        ),
        ("took 0.0216234567812 s, 1764345678901 ms", "took 0.0216234567812 s, 1764345678901 ms"),
        ("T20261122-021623456789", "T20261122-021623456789"),
        ("trace bc319ae68f577e18f13812345678f734 lost", "trace bc319ae68f577e18f13812345678f734 lost"),
        ("13812345-6780-4137-8000-113812345678", "13812345-6780-4137-8000-113812345678"),
        ("errmsg access_token=24.abc.259 appSecret=9f8e", "errmsg access_token=*** appSecret=***"),
        ('{"access_token":"a b","app_key": "k"}', '{"access_token":"***","app_key": "***"}'),
        (r"{\"token\":\"abc\"}", r"{\"token\":\"***\"}"),
        ("密码\uff1aPassw0rd!\uff0c请改", "密码\uff1a***\uff0c请改"),
        ("/cb?t=1&sign=AB%2F&x=2 JSESSIONID=A1; Path", "/cb?t=1&sign=***&x=2 JSESSIONID=***; Path"),
        ("Authorization: Basic dXNlcg== webhook-signature: v1,abc=", "Authorization: Basic *** webhook-signature: ***"),
        ("<access_token>abc</access_token>", "<access_token>***</access_token>"),
        ("身份证 11010519491231002X,订单 110105194912310021", "身份证 110****002X,订单 110105194912310021"),
        (
            "no field 'token': send it; design=blue; 7 tokens: ok",
            "no field 'token': send it; design=blue; 7 tokens: ok",
        ),
        ("Unexpected token < in JSON; idempotency_key=a-1", "Unexpected token < in JSON; idempotency_key=a-1"),
    ],
)
def test_observability_text_is_masked(text: str, masked: str) -> None:
    assert mask_text(text) == masked


def test_observability_personal_fields_are_masked_however_deep_they_lie() -> None:
    event = {"event": "x", "ticket_id": "T1", "body": {"customer": {"name": "李雷"}, "list": [{"phone": "1"}]}}
    said = json.dumps(mask_event(None, "info", event), ensure_ascii=False)
    assert "李雷" not in said
    assert '"phone": "***"' in said
    assert "T1" in said


def test_observability_a_link_leads_to_the_ticket_s_trace_and_garbage_gives_none() -> None:
    made = links([traceparent("a" * 32, EVENT), "garbage", traceparent("0" * 32, EVENT)])
    assert [f"{one.context.trace_id:032x}" for one in made] == ["a" * 32]
    assert len(links(traceparent("a" * 32, EVENT) for _ in range(100))) == LINKS_MAX


def test_observability_every_line_is_json_in_utc_and_the_libraries_lines_too() -> None:
    said = io.StringIO()
    before = logging.getLogger().handlers[:], logging.getLogger().level
    try:
        with redirect_stderr(said):
            configure("tester")
            structlog.get_logger().info("hello", customer="李雷", ticket_id="T1")
            logging.getLogger("aiokafka").warning("call 13812345678")
    finally:
        logging.getLogger().handlers[:], level = before
        logging.getLogger().setLevel(level)
        structlog.reset_defaults()
        structlog.contextvars.clear_contextvars()
    ours, theirs = [json.loads(line) for line in said.getvalue().splitlines()]
    assert (ours["event"], ours["level"], ours["customer"], ours["program"]) == ("hello", "info", "***", "tester")
    assert ours["at"].endswith("Z")
    assert theirs["event"] == "call 138****5678"


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "text",
    [
        'token="',
        "authorization: a ",
        "://a",
        "://a:",
        "password=",
        "1381",
        "bearer ",
        "0571-",
        "138\u200b",
        "138\u3000",
        "(021)",
        "\u0661",
    ],
)
def test_masking_a_megabyte_that_begins_again_and_again_comes_to_an_end(text: str) -> None:
    for mask in (mask_text, mask_password):
        mask(text * (1024 * 1024 // len(text)))
