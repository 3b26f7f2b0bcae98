"""Words in traditional characters, as Taiwan and Hong Kong write them, mean what they mean in simplified ones."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import adapters
import bus
from adapters.answers.names import FieldRole, call_name, role
from adapters.answers.words import Meaning, sentence, whole_text, word
from adapters.crm.status import Settable, settable
from adapters.crm.type_names import is_report, speaks_of_ticket
from adapters.erp.kingdee_words import says_in_use, says_session_lost
from bus.domain.departments import is_department, is_nobody
from bus.domain.naming import state_named
from bus.domain.no_key import WORDS, is_no_number
from bus.domain.simplified import simplified
from bus.domain.terms import KeyKind, State, Tick

TRADITIONAL = {chr(point): simplified(chr(point)) for point in range(0x4E00, 0xA000)}
TRADITIONAL = {character: plain for character, plain in TRADITIONAL.items() if character != plain}
# Where the words stand that a name, a key or an answer is compared with.
LISTS = (
    *("bus/domain/no_key.py", "bus/domain/departments.py", "bus/domain/naming.py", "bus/domain/terms.py"),
    *("adapters/answers/words.py", "adapters/answers/names.py", "adapters/crm/type_names.py"),
    *("adapters/erp/kingdee_words.py", "adapters/u8/words.py"),
)


def spelled_traditionally(text: str) -> Iterator[str]:
    """Give a text in traditional characters: once by the first spelling of each, once by the last."""
    for pairs in (TRADITIONAL.items(), reversed(TRADITIONAL.items())):
        back = {ord(plain): character for character, plain in pairs}
        yield text.translate(back)


def characters(file: str) -> set[str]:
    """Give the Chinese characters of a module's texts, its docstrings apart."""
    root = Path((bus if file.startswith("bus") else adapters).__path__[0]).parent
    tree = ast.parse((root / file).read_text())
    texts = [one.value for one in ast.walk(tree) if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    docs = {
        ast.get_docstring(one, clean=False)
        for one in ast.walk(tree)
        if isinstance(one, ast.Module | ast.ClassDef | ast.FunctionDef)
    }
    return set(re.findall(r"[\u4e00-\u9fff]", "".join(text for text in texts if text not in docs)))


@pytest.mark.parametrize("file", LISTS)
def test_simplified_every_character_of_our_words_that_big5_has_not_has_its_traditional_one(file: str) -> None:
    ours = characters(file)
    assert len(ours) > 10, "the module holds words"
    assert {one for one in ours if not one.encode("big5", "ignore")} <= set(TRADITIONAL.values())
    assert ours.isdisjoint(TRADITIONAL), "words are spelled in simplified characters, else they are never found"


@pytest.mark.parametrize("text", sorted(one for one in WORDS if not one.isascii()))
def test_simplified_a_word_for_no_key_is_one_in_traditional_characters(text: str) -> None:
    for spelled in spelled_traditionally(text):
        assert is_no_number(spelled), spelled


@pytest.mark.parametrize(
    "text", ["不詳", "無法識別", "待確認", "未登記", "未填寫", "客戶不知道", "見備註", "忘記", "無/沒有"]
)
def test_simplified_two_strangers_without_a_key_are_not_one_ticket(text: str) -> None:
    assert is_no_number(text)


@pytest.mark.parametrize("name", ["維修部", "客戶服務部", "技術支援", "資訊中心", "維修團隊", "華東辦事處", "第三課"])
def test_simplified_a_department_is_no_person(name: str) -> None:
    assert is_department(name)


@pytest.mark.parametrize("name", ["工程師", "維修人員", "無人", "後台", "後臺", "待指派", "系統", "無"])
def test_simplified_nobody_is_nobody(name: str) -> None:
    assert is_nobody(name)


def test_simplified_a_persons_name_stays_a_persons() -> None:
    for name in ("陳師傅", "張部", "龔處", "羅經理", "葉組長"):
        assert not is_department(name)
        assert not is_nobody(name)


def test_simplified_states_ticks_and_kinds_are_read() -> None:
    for term in (*State, *KeyKind, *Tick):
        for spelled in spelled_traditionally(term.zh):
            assert simplified(spelled) == term.zh
    assert state_named("已關閉") is State.CLOSED
    assert settable("重新打開") is Settable.REOPEN
    assert settable("結案") is Settable.CONFIRM_CLOSURE


def test_simplified_answers_that_fail_are_failures() -> None:
    assert word(simplified("操作失敗")) is Meaning.FAILED
    assert whole_text("錯誤") is Meaning.FAILED
    assert whole_text("請求失敗, 工單已鎖定") is Meaning.FAILED
    assert sentence("帳號已停用") is Meaning.FAILED
    assert role(call_name("返回碼")) is FieldRole.CODE
    assert role(call_name("錯誤訊息")) is FieldRole.OTHER, "another word, not another spelling"
    assert says_session_lost("會話資訊已丟失")
    assert says_in_use("單據正在被其他使用者編輯")


def test_simplified_a_foreign_type_that_is_of_tickets_is_known_by_its_noun() -> None:
    assert speaks_of_ticket("工單創建")
    assert speaks_of_ticket("報修新增")
    assert is_report({"電話", "標題"})
