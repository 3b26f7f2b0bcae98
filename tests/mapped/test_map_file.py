"""A map is checked whole when it is read: every fault at once, with its line and column."""

import pytest

from adapters.mapped.read_map import SourceMapInvalid, read_map
from adapters.mapping.proof_kinds import HmacProof
from tests.mapped.maps import CONTENT

TYPES = {"hardware_fault", "software_fault"}


def faults(content: str) -> list[str]:
    with pytest.raises(SourceMapInvalid) as refused:
        read_map(content, "desk.yaml", TYPES)
    return [str(one) for one in refused.value.faults]


def test_map_file_the_example_is_taken() -> None:
    mapped = read_map(CONTENT, ticket_types=TYPES)
    assert (mapped.source, len(mapped.commands), type(mapped.proof)) == ("desk", 2, HmacProof)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("title: detail.subject", "titel: detail.subject", "没有“titel”"),
        ("command: note", "command: noet", "did you mean 'note'"),
        ("value: serial", "value: serail", "did you mean 'serial'"),
        ("value: hardware_fault", "value: hardware_falt", "did you mean 'hardware_fault'"),
        ("kind: {value: serial}", "kind: serial", "{value: serial}"),
        ("type: {value: hardware_fault}", "type: hardware_fault", "{value: hardware_fault}"),
        ("words: priorities", "words: priority", "did you mean 'priorities'"),
        ("detail.subject", "detail.[", "JMESPath"),
        ("encoding: base64", "encoding: base46", "base64"),
        ("kind: hmac", "kind: hmca", "hmac"),
        ("format: rfc3339", "format: rfc3399", "rfc3339"),
        ('signed: "{timestamp}{body}"', 'signed: "{timestamp}"', "{body}"),
        ("DESK_SECRET", "whsec_pasted", "环境变量"),
        ("source: desk", "source: ticketbus", "bus's own name"),
        ("number: detail.id", "number: {from: detail.id, value: x}", "`from`"),
        ("delivery_id: {field: id}", "", "delivery_id"),
        ("delivery_id: {field: id}", "delivery_id: {field: id, header: x-id}", "body: sha256"),
        ("missing: [", "missing: [[", "YAML"),
    ],
)
def test_map_file_each_fault_names_its_line_and_what_is_meant(old: str, new: str, expected: str) -> None:
    changed = CONTENT.replace(old, new, 1)
    found = faults(changed)
    assert expected in "\n".join(found)
    lines = [number for number, line in enumerate(changed.splitlines(), 1) if new and new in line]
    if lines and not expected.startswith(("bus's", "YAML")):
        assert {int(one.split(":")[0]) for one in found} & {lines[0] - 1, lines[0], lines[0] + 1}


def test_map_file_all_faults_come_at_once_in_the_order_of_the_file() -> None:
    bad = CONTENT.replace("title: detail.subject", "titel: x").replace("command: note", "command: noet")
    found = faults(bad.replace("encoding: base64", "encoding: base46"))
    lines = [int(one.split(":")[0]) for one in found]
    assert len(found) >= 4  # the unknown key, the missing title, the command, the encoding
    assert lines == sorted(lines)


def test_map_file_what_keys_must_agree_on_is_named_beside_faults_of_one_key() -> None:
    bad = CONTENT.replace("title: detail.subject", "titel: x").replace("delivery_id: {field: id}", "")
    bad = bad.replace("words: priorities", "words: priority").replace("hardware_fault}", "hardware_falt}")
    found = "\n".join(faults(bad.replace("source: desk", "source: ticketbus")))
    for expected in ("“titel”", "delivery_id: 必填", "'priorities'", "'hardware_fault'", "source: “ticketbus”"):
        assert expected in found


def test_map_file_words_that_yaml_reads_otherwise_stay_words() -> None:
    content = CONTENT.replace("{URGENT: 紧急, NORMAL: 中, LOW: 低}", "{1: 紧急, no: 中, on: 低, NORMAL: 2026-01-01}")
    words = read_map(content).words["priorities"]
    assert words == {"1": "紧急", "no": "中", "on": "低", "NORMAL": "2026-01-01"}
    assert "quotes" in "\n".join(faults(CONTENT.replace("{URGENT: 紧急,", "{true: 紧急,")))


@pytest.mark.parametrize("content", ["", "[]", "7", "source: {", "\0", "a: &x [*x]", "? {a: b}\n: c", "x" * 300_000])
def test_map_file_what_is_no_map_is_refused(content: str) -> None:
    assert faults(content)


def test_map_file_aliases_that_multiply_are_refused_or_read_in_no_time() -> None:
    bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
    )
    assert faults(bomb)


def test_map_file_an_unknown_kind_stands_at_its_line_with_the_nearest_in_both_languages() -> None:
    [wrong] = faults(CONTENT.replace("kind: hmac", "kind: hmca"))
    assert wrong == "4:3: proof.kind: 没有种类 hmca,是否指“hmac” / there is no kind 'hmca'; did you mean 'hmac'"
    [far] = faults(CONTENT.replace("kind: hmac", "kind: jwt"))
    assert far.endswith("; there are basic, bearer, hmac, path, standard-webhooks")
    [absent] = faults(CONTENT.replace("  kind: hmac\n", ""))
    assert absent == "3:1: proof.kind: 缺少这一项 / is missing"
