"""Adapters by name: the bus's own, and what other packages offer; a broken offer stops nobody who does not use it."""

import json
from collections.abc import Mapping
from contextlib import nullcontext
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest

from adapters import registry
from adapters.adapter import Options, PushAdapter, TargetAdapter
from adapters.crm import callback
from adapters.plugins import Adapters
from bus.config_file import ConfigFileInvalid
from bus.delivery.targets_config import load_targets_config
from bus.domain.errors import AdapterUnusable
from bus.programs.gateway import run_gateway
from bus.programs.sources import sources
from bus.programs.targets import check_targets, targets_config_of
from bus.programs.worker import run_worker
from bus.settings import Settings, SettingsInvalid
from tests.adapters.notice_calls import CARD, notice, notices, written

GROUP = "ticketbus.targets"
SECRET = "whsec_" + "QUJD" * 12
GOOD = TargetAdapter[Any](name="good", options=Options, build=callback.ADAPTER.build)
MISNAMED, SHAPELESS = TargetAdapter[Any](name="other", options=Options, build=callback.ADAPTER.build), "an adapter"
LOOSE = TargetAdapter[Any](name="loose", options=dict, build=callback.ADAPTER.build)  # as a stranger may offer


def offers(folder: Path, **packages: Mapping[str, str]) -> Adapters[Any]:
    """Make a registry that finds packages with these entry points, beside the CRM callback."""
    for package, entry_points in packages.items():
        info = folder / f"{package}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
        lines = [f"{name} = {value}" for name, value in entry_points.items()]
        (info / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines]))
    found = [each for known in distributions(path=[str(folder)]) for each in known.entry_points]
    return Adapters((callback.ADAPTER,), kind=TargetAdapter, group=GROUP, found=lambda _: found)


def test_registry_lists_the_bus_own_adapters() -> None:
    assert {"crm-callback", "engineer-app", "kingdee", "sap-s4", "u8-eai", "u8-openapi"} <= set(registry.TARGETS)
    assert "crm-webhook" in registry.SOURCES
    assert all(registry.TARGETS[name].name == name for name in registry.TARGETS)
    assert isinstance(registry.TARGETS["engineer-app"], PushAdapter)


def test_registry_loads_another_packages_adapter_when_it_is_asked_for(tmp_path: Path) -> None:
    found = offers(tmp_path, acme={"good": f"{__name__}:GOOD"}, broken={"broken": "no_such_module_anywhere:X"})
    assert sorted(found) == ["broken", "crm-callback", "good"]
    assert len(found) == 3
    assert found["good"].name == "good"
    assert found["crm-callback"] is callback.ADAPTER
    with pytest.raises(KeyError):
        found["nobody"]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("lost", "no_such_module_anywhere:X", "cannot be imported (ModuleNotFoundError: "),
        ("lost", f"{__name__}:NOWHERE", "cannot be imported (AttributeError: "),
        ("shapeless", f"{__name__}:SHAPELESS", "is a str and no ticketbus.adapters.TargetAdapter"),
        ("misnamed", f"{__name__}:MISNAMED", "calls itself 'other'"),
        ("loose", f"{__name__}:LOOSE", "options that are no ticketbus.adapters.Options"),
    ],
)
def test_registry_names_package_entry_point_and_mend_of_an_offer_that_cannot_be_used(
    tmp_path: Path, name: str, value: str, said: str
) -> None:
    found = offers(tmp_path, acme={name: value})
    with pytest.raises(AdapterUnusable) as refused:
        found[name]
    text = str(refused.value)
    assert f"the package acme 1.2 offers (entry point {GROUP}: {name} = {value})" in text
    assert said in text
    assert text.endswith("or remove it: pip uninstall acme")
    assert found["crm-callback"] is callback.ADAPTER


def test_registry_refuses_a_taken_name_whoever_bears_it(tmp_path: Path) -> None:
    found = offers(tmp_path, acme={"crm-callback": "acme:X", "twin": "acme:X"}, zeta={"twin": "zeta:X"})
    with pytest.raises(AdapterUnusable, match=r"the bus has an adapter 'crm-callback' of its own, beside .*acme 1\.2"):
        found["crm-callback"]
    with pytest.raises(AdapterUnusable, match=r"2 packages offer an adapter 'twin'.*pip uninstall acme or zeta"):
        found["twin"]


def test_registry_targets_file_names_file_target_and_field_of_a_broken_offer(tmp_path: Path) -> None:
    found = offers(tmp_path, acme={"lost": "no_such_module_anywhere:X"})
    path = tmp_path / "targets.yaml"
    path.write_text("targets: {erp: {adapter: lost, events: all}, crm: {adapter: crm-calback, events: all}}")
    with pytest.raises(ConfigFileInvalid) as wrong:
        load_targets_config(path, found)
    text = str(wrong.value)
    assert text.startswith(f"{path}: targets.erp.adapter: what the package acme 1.2 offers")
    assert "targets.crm.adapter: there is no adapter 'crm-calback'; did you mean 'crm-callback'?" in text


async def test_registry_targets_are_built_at_start_and_a_secret_that_cannot_be_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "targets.yaml"
    options = {"url": "http://crm.example/x", "secrets": ["CRM_SECRET"]}
    apps = {"adapter": "engineer-app", "events": "all"}
    path.write_text(json.dumps({"targets": {"crm": {"adapter": "crm-callback", "events": "all", "options": options},
                                            "app": apps}}))  # fmt: skip
    settings = Settings.model_validate({"targets_file": path})
    plan = targets_config_of(settings)
    monkeypatch.setenv("CRM_SECRET", SECRET)
    await check_targets(settings, plan)
    monkeypatch.setenv("CRM_SECRET", "whsec_YWJj")
    with pytest.raises(SettingsInvalid, match=r"targets\.crm\.options: CRM_SECRET: a secret has at least 24") as wrong:
        await check_targets(settings, plan)
    assert "YWJj" not in str(wrong.value)
    monkeypatch.delenv("CRM_SECRET")
    with pytest.raises(ConfigFileInvalid, match=r"targets\.yaml: targets\.crm\.options: .*CRM_SECRET is not set"):
        await check_targets(settings, plan)


async def test_registry_targets_are_checked_for_notices_that_none_of_them_sends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, file = tmp_path / "targets.yaml", written(notices(notice("handler", card=CARD)))
    options = {"notices": file, "corp_id": "ww1", "agent_id": 1, "secret": "APP_SECRET"}
    monkeypatch.setenv("APP_SECRET", "s")
    for events, told in (("all", ""), (["NoteAdded"], "notices.0.events: ")):
        path.write_text(json.dumps({"targets": {"it": {"adapter": "wecom-app", "events": events, "options": options}}}))
        settings = Settings.model_validate({"targets_file": path})
        with pytest.raises(ConfigFileInvalid, match=told) if told else nullcontext():
            await check_targets(settings, targets_config_of(settings))


def sources_file(folder: Path, **given: Any) -> Settings:
    path = folder / "sources.yaml"
    path.write_text(json.dumps({"sources": given}))
    return Settings.model_validate({"sources_file": path, "webhook_secrets": {"crm": [SECRET]}})


async def test_registry_programs_say_what_is_wrong_with_sources_before_they_wait_for_anything(tmp_path: Path) -> None:
    settings = sources_file(tmp_path, x={"adapter": "crm-webhok"})
    for program in (run_gateway, run_worker):
        with pytest.raises(ConfigFileInvalid, match="there is no adapter 'crm-webhok'"):
            await program(settings)


def test_registry_sources_file_adds_to_the_webhook_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM2_SECRET", "whsec_" + "REVG" * 12)
    entry = {"adapter": "crm-webhook", "options": {"secrets": ["CRM2_SECRET"]}}
    made = sources(sources_file(tmp_path, crm2=entry))
    assert {name: one.name for name, one in made.items()} == {"crm": "crm", "crm2": "crm2"}
    monkeypatch.setenv("CRM2_SECRET", SECRET)
    with pytest.raises(SettingsInvalid, match="'crm' and 'crm2' have the same secret"):
        sources(sources_file(tmp_path, crm2=entry))


@pytest.mark.parametrize(
    ("name", "entry", "said"),
    [
        ("x", {"adapter": "crm-webhok"}, "sources.x.adapter: there is no adapter 'crm-webhok'; did you mean 'crm-webh"),
        ("x", {"adapter": "crm-webhook"}, "sources.x.options.secrets: 缺少此字段 / Field required"),
        ("x", {"adapter": "crm-webhook", "option": {}}, "sources.x.option: 没有这个字段 / there is no such field"),
        (
            "x",
            {"adapter": "crm-webhook", "options": {"secrets": [SECRET]}},
            "sources.x.options.secrets.0: 应写环境变量",
        ),
        ("x", {"adapter": "crm-webhook", "options": {"secrets": ["NOT_SET_HERE"]}}, "variable NOT_SET_HERE is not set"),
        (
            "crm",
            {"adapter": "crm-webhook", "options": {"secrets": ["A_B"]}},
            "TICKETBUS_WEBHOOK_SECRETS has it already",
        ),
        ("bus", {"adapter": "crm-webhook", "options": {"secrets": ["A_B"]}}, "sources.bus: the bus's own name"),
    ],
)
def test_registry_sources_file_is_refused_by_file_source_and_field(
    tmp_path: Path, name: str, entry: Mapping[str, Any], said: str
) -> None:
    with pytest.raises(ConfigFileInvalid) as wrong:
        sources(sources_file(tmp_path, **{name: entry}))
    assert str(wrong.value).startswith(f"{tmp_path / 'sources.yaml'}: ")
    assert said in str(wrong.value)
    assert SECRET not in str(wrong.value)
