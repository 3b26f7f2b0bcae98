"""Ports: kept when free, else the usual ones, else the next; never shared by two stacks."""

import socket
from pathlib import Path

import pytest

from bus.local.failures import LocalStackError
from bus.local.ports import USUAL, PortClaims, is_free
from bus.local.probes import port_answers


def a_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def test_port_that_the_stack_had_is_kept(tmp_path: Path) -> None:
    port = a_free_port()
    assert PortClaims(tmp_path).claim(["kafka"], {"kafka": port}, fixed={}) == {"kafka": port}


def test_ports_a_taken_port_gives_way_to_a_free_one(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert port_answers(port)
        assert not is_free(port)
        chosen = PortClaims(tmp_path).claim(["kafka"], {"kafka": port}, fixed={})["kafka"]
    assert chosen != port
    assert chosen >= USUAL["kafka"]


def test_ports_two_stacks_that_start_at_once_never_choose_the_same(tmp_path: Path) -> None:
    first, second = PortClaims(tmp_path), PortClaims(tmp_path)
    names = list(USUAL)
    one, other = first.claim(names, {}, fixed={}), second.claim(names, {}, fixed={})
    assert not set(one.values()) & set(other.values())
    assert len(set(one.values())) == len(names)
    first.release()
    assert second.claim(["kafka"], {"kafka": one["kafka"]}, fixed={}) == {"kafka": one["kafka"]}


def test_port_asked_for_by_number_is_taken_or_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(LocalStackError, match=f"port {port} was asked for"):
            PortClaims(tmp_path).claim(["http"], {}, fixed={"http": port})
