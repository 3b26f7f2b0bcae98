"""What somebody is reached by (R6)."""

import pytest

from bus.domain.contacts import is_contact


@pytest.mark.parametrize(
    "text",
    ["13800000001", "+86 21 5555 0000 转 802", "内线 801", "138", "wang@example.com", "wang＠corp", "微信:wang_01",
     "企业微信:王师傅", "wecom: wang"],
)  # fmt: skip
def test_contacts_a_phone_a_mail_address_or_an_account_with_its_service(text: str) -> None:
    assert is_contact(text)


@pytest.mark.parametrize("text", ["abc", "随便", "-", "", "12", "微信:", "a@", "@a", "王师傅", "wecom wang"])
def test_contacts_a_word_reaches_nobody(text: str) -> None:
    assert not is_contact(text)
