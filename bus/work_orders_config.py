"""The file of work-order templates, typed: ordered steps, and what each asks (R48)."""

from collections.abc import Collection, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import Field, RootModel, model_validator

from bus.config_file import ConfigFileInvalid, FileModel, SystemName, read_yaml
from bus.domain.naming import nearest
from bus.domain.preconditions import PHOTOS_MAX
from bus.domain.text import Text
from bus.domain.work_template import SAFETY, ValueLimits, WorkOrderTemplate, WorkStep

STEPS_MAX: Final = 100
VALUES_MAX: Final = 20
_Name = Annotated[str, Field(min_length=1, max_length=100)]
_ValueKey = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
_Number = Annotated[float, Field(allow_inf_nan=False)]


class _Title(FileModel):
    zh: _Name
    en: _Name


class _Value(FileModel):
    key: _ValueKey
    title: _Title
    unit: Annotated[str, Field(max_length=20)] = ""
    low: _Number | None = None
    high: _Number | None = None
    beyond: _Name | None = None

    @model_validator(mode="after")
    def _limited(self) -> Self:
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(str(Text("下限 low 大于上限 high", "low is above high")))
        if self.beyond and self.low is None and self.high is None:
            raise ValueError(str(Text("beyond 需要 low 或 high", "beyond needs low or high")))
        return self


class _Step(FileModel):
    key: SystemName
    title: _Title
    optional: bool = False
    photos: Annotated[int, Field(ge=0, le=PHOTOS_MAX, strict=True)] = 0
    values: Annotated[tuple[_Value, ...], Field(max_length=VALUES_MAX)] = ()
    safety: bool = False
    approvals: tuple[_Name, ...] = ()

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        names, roles = [one.key for one in self.values], [*self.approvals]
        for field, given in (("values", names), ("approvals", roles)):
            if twice := next((one for one in given if given.count(one) > 1), ""):
                raise ValueError(str(Text(f"{field} 中“{twice}”重复", f"{twice!r} stands twice in {field}")))
        if SAFETY in {*roles, *(one.beyond for one in self.values)}:
            why = Text("安全签核写作 safety: true,不是角色", "safety is no role: write safety: true")
            raise ValueError(str(why))
        return self


class _Template(FileModel):
    version: _Name
    title: _Title
    types: tuple[_Name, ...] = ()
    required: bool = False
    steps: Annotated[tuple[_Step, ...], Field(min_length=1, max_length=STEPS_MAX)]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        keys = [one.key for one in self.steps]
        if twice := next((one for one in keys if keys.count(one) > 1), ""):
            raise ValueError(str(Text(f"步骤 {twice} 重复", f"two steps have the key {twice!r}")))
        if all(one.optional for one in self.steps):
            raise ValueError(str(Text("至少一个步骤不是 optional", "one step at least is not optional")))
        if sum(one.photos for one in self.steps) > PHOTOS_MAX:
            many = Text(f"照片合计最多 {PHOTOS_MAX} 张", f"{PHOTOS_MAX} photos in all at most")
            raise ValueError(str(many))
        if self.required and not self.types:
            raise ValueError(str(Text("required 须写明 types", "required needs types")))
        return self


class _File(RootModel[dict[SystemName, _Template]]):
    """The templates by name."""


def load_work_orders(path: Path | None, types: Collection[str]) -> Mapping[str, WorkOrderTemplate]:
    """Read a file, or else the shipped one; `types` are the ticket types that there are. Raises ConfigFileInvalid.

    Of the shipped one only what fits them: a deployment with types of its own has done nothing wrong.
    """
    with resources.as_file(resources.files("schemas").joinpath("work_orders.yaml")) as shipped:
        place = path or shipped
        file = read_yaml(place, _File).root
    if path is None:
        file = {name: fitting for name, one in file.items() if (fitting := _fitting(one, types))}
    if faults := [*_faults(file, types)]:
        raise ConfigFileInvalid(f"{place}: {'; '.join(faults)}")
    return {name: _template(name, one) for name, one in file.items()}


def _fitting(one: _Template, types: Collection[str]) -> _Template | None:
    """Give a template with those of its types that there are; None where it had some, and there is none of them."""
    left = tuple(kind for kind in one.types if kind in types)
    return one.model_copy(update={"types": left}) if left or not one.types else None


def _faults(file: Mapping[str, _Template], types: Collection[str]) -> Iterator[str]:
    required = dict[str, str]()
    for name, one in file.items():
        for kind in one.types:
            if kind not in types:
                close = nearest(kind, types)
                meant = Text(
                    f"是否指 {close}?" if close else f"有 {', '.join(types)}",
                    f"did you mean {close!r}?" if close else f"there are {', '.join(types)}",
                )
                zh, en = f"没有工单类型 {kind},{meant.zh}", f"there is no ticket type {kind!r}; {meant.en}"
                yield f"{name}.types: {Text(zh, en)}"
            elif one.required and (other := required.setdefault(kind, name)) != name:
                both = Text(f"类型 {kind} 已要求 {other}", f"the type {kind} requires {other} already")
                yield f"{name}.required: {both}"


def _template(name: str, given: _Template) -> WorkOrderTemplate:
    return WorkOrderTemplate(
        key=name,
        version=given.version,
        zh=given.title.zh,
        en=given.title.en,
        types=given.types,
        required=given.required,
        steps=tuple(map(_step, given.steps)),
    )


def _step(given: _Step) -> WorkStep:
    return WorkStep(
        key=given.key,
        zh=given.title.zh,
        en=given.title.en,
        optional=given.optional,
        photos=given.photos,
        values=tuple(map(_value, given.values)),
        safety=given.safety,
        approvals=given.approvals,
    )


def _value(given: _Value) -> ValueLimits:
    return ValueLimits(
        key=given.key,
        zh=given.title.zh,
        en=given.title.en,
        unit=given.unit,
        low=given.low,
        high=given.high,
        beyond=given.beyond or "",
    )
