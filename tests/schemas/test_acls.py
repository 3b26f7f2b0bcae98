"""The ACLs that the contract means: of each program what its parts read and write, and no more."""

import pytest
from typer.testing import CliRunner

from bus.cli import app
from bus.stage_names import STAGES as WORKER_STAGES
from schemas.acls import CLUSTER, EVERY, PROGRAMS, SOURCES, STAGES, Acl, acls_of, commands
from schemas.topics import COMMANDS, DEADLETTER, HOSTS, INTAKE, LOG, load_contract

CONTRACT = load_contract()


def may(principal: str) -> set[tuple[str, str, str]]:
    """Give operation, resource and name of all that a principal may."""
    acls = acls_of(CONTRACT, namespace="", sources=["mes"], subscribers=["bi"])
    return {(one.operation, one.resource, one.name + "*" * one.prefixed) for one in acls if one.principal == principal}


def test_acls_every_reader_and_writer_of_the_contract_is_a_part_of_a_program() -> None:
    parts = {part for program in PROGRAMS.values() for part in program} | {SOURCES}
    assert {part for topic in CONTRACT.topics.values() for part in (*topic.readers, *topic.writers)} == parts
    assert set(STAGES) <= set(WORKER_STAGES)


def test_acls_a_source_writes_commands_alone_and_transactions_of_its_own() -> None:
    assert may("User:source.mes") == {
        ("Write", "topic", COMMANDS),
        ("Write", "transactional-id", "source.mes/*"),
    }


def test_acls_a_subscriber_reads_the_public_topics_in_groups_of_its_own() -> None:
    assert may("User:subscriber.bi") == {
        *(("Read", "topic", name) for name in CONTRACT.public()),
        ("Read", "group", "subscriber.bi/*"),
    }


def test_acls_the_watch_writes_hosts_and_dead_letters_are_read_by_the_operator_alone() -> None:
    assert may("User:ticketbus.watch") == {("Write", "topic", HOSTS)}
    acls = acls_of(CONTRACT, namespace="", sources=["mes"], subscribers=["bi"])
    readers = {one.principal for one in acls if (one.name, one.operation) == (DEADLETTER, "Read")}
    assert readers == {"User:ticketbus.operator"}


def test_acls_the_worker_has_its_stages_groups_and_the_gateway_none() -> None:
    groups = {f"ticketbus.{stage}" for stage in STAGES}
    worker = may("User:ticketbus.worker")
    assert {name for operation, resource, name in worker if (operation, resource) == ("Read", "group")} == groups
    assert ("Read", "topic", INTAKE) in may("User:ticketbus.worker")
    gateway = may("User:ticketbus.gateway")
    assert {resource for _, resource, _ in gateway} == {"topic"}
    assert {name for operation, _, name in gateway if operation == "Read"} == set(CONTRACT.public())
    assert {("Write", "topic", LOG), ("Write", "topic", INTAKE)} <= gateway


def test_acls_nobody_deletes_a_topic_alters_the_cluster_or_may_do_all() -> None:
    acls = acls_of(CONTRACT, namespace="", sources=["mes"], subscribers=["bi"])
    assert {one.operation for one in acls} == {
        "Read", "Write", "Describe", "DescribeConfigs", "Create", "AlterConfigs", "Delete",
    }  # fmt: skip
    deleting = {(one.principal, one.name) for one in acls if one.operation == "Delete"}
    assert deleting == {("User:ticketbus.operator", name) for name in (COMMANDS, INTAKE)}  # what `privacy erase` asks
    assert {one.principal for one in acls if one.operation in {"Create", "AlterConfigs"}} == {"User:ticketbus.prepare"}


def test_acls_a_subscribers_groups_are_its_own_and_the_operators_who_sets_them_back() -> None:
    acls = acls_of(CONTRACT, namespace="", subscribers=["bi"])
    groups = {(one.principal, one.operation, one.prefixed) for one in acls if one.name == "subscriber.bi/"}
    assert groups == {("User:subscriber.bi", "Read", True), ("User:ticketbus.operator", "Read", True)}


def test_acls_a_namespace_is_before_every_name() -> None:
    plain = acls_of(CONTRACT, namespace="", sources=["mes"], subscribers=["bi"])
    named = acls_of(CONTRACT, namespace="t1", sources=["mes"], subscribers=["bi"])
    assert {(one.principal, one.name) for one in named} == {
        (one.principal.replace("User:", "User:t1."), one.name if one.name in (CLUSTER, EVERY) else f"t1.{one.name}")
        for one in plain
    }


def test_acls_worker_and_operator_see_every_group_and_topic_by_name_and_nobody_else_does() -> None:
    acls = acls_of(CONTRACT, namespace="", sources=["mes"], subscribers=["bi"])
    everywhere = {(one.principal, one.operation, one.resource) for one in acls if one.name in (CLUSTER, EVERY)}
    assert everywhere == {
        (f"User:ticketbus.{program}", "Describe", resource)
        for program in ("worker", "operator")
        for resource in ("cluster", "group", "topic")
    }
    spelled = "\n".join(commands(acls))
    assert "--allow-principal User:ticketbus.worker --operation Describe --cluster\n" in spelled
    assert "--operation Describe --group '*'" in spelled


@pytest.mark.parametrize("name", ["", "*", "Mes", "mes/x", "m" * 64, "上海"])
def test_acls_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        acls_of(CONTRACT, namespace="", sources=[name])
    with pytest.raises(ValueError, match="no name"):
        acls_of(CONTRACT, namespace="", subscribers=[name])
    assert CliRunner().invoke(app, ["topics", "acl", f"--source={name}"]).exit_code == 2


def test_acls_as_commands_name_each_resource_once() -> None:
    principal = "User:o'brien"
    rights = [("topic", "a", "Read"), ("topic", "a", "Write"), ("group", "g/", "Read")]
    acls = [
        Acl(principal=principal, resource=resource, name=name, operation=operation, prefixed=name.endswith("/"))
        for resource, name, operation in rights
    ]
    tool = 'kafka-acls.sh --bootstrap-server "$KAFKA_BOOTSTRAP" --command-config admin.properties --add'
    quoted = """--allow-principal 'User:o'"'"'brien'"""
    assert commands(acls) == [
        f"{tool} {quoted} --operation Read --operation Write --topic a",
        f"{tool} {quoted} --operation Read --group g/ --resource-pattern-type prefixed",
    ]


def test_acls_are_listed_by_the_command_and_names_go_with_acl_alone() -> None:
    listed = CliRunner().invoke(app, ["topics", "acl", "--source", "mes"], env={"TICKETBUS_NAMESPACE": "t1"})
    assert listed.exit_code == 0
    assert [one.split() for one in listed.output.splitlines() if "source.mes" in one] == [
        ["User:t1.source.mes", "Write", "topic", "t1.ticket.commands"],
        ["User:t1.source.mes", "Write", "transactional-id", "t1.source.mes/*"],
    ]
    assert CliRunner().invoke(app, ["topics", "apply", "--source", "mes"]).exit_code == 2
