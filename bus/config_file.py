"""Reading the YAML files that people write: typed, every fault at once by its place, and no value ever shown."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Protocol, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from bus.domain.errors import AdapterUnusable, BusError
from bus.domain.naming import nearest, nearest_event
from bus.domain.text import Text
from bus.duration import FORM as DURATION_FORM
from bus.duration import written
from bus.secret_files import SecretFileUnusable, is_own, secret_from
from schemas.catalogue import EVENT_NAMES


def in_form(pattern: str, form: Text) -> AfterValidator:
    """Check that a whole text has a form; a refusal tells people the form in words, and never the value."""

    def checked(text: str) -> str:
        if re.fullmatch(pattern, text) is None:
            raise ValueError(str(form))
        return text

    return AfterValidator(checked)


def _of_others(variable: str) -> str:
    if is_own(variable):
        raise ValueError(str(_OWN))
    return variable


_OWN: Final = Text(
    "这是总线自己(或它用的库)的变量,不能给别的系统用;请把对方的密钥放在另一个变量里",
    "is a variable of the bus's own, or of a library's, and no other system's: put the secret of that system into "
    "another variable",
)

# Where a secret stands: the environment variable's name. A secret itself, pasted here, is refused without being shown.
VariableName = Annotated[
    str,
    in_form(
        r"[A-Z][A-Z0-9_]{2,63}",
        Text(
            "应写环境变量的名称(大写字母、数字和下划线,3 至 64 个字符,例如 PROXY_LOGIN),不写密钥本身",
            "names an environment variable (upper-case letters, digits and _, 3 to 64 characters, such as PROXY_LOGIN) "
            "that holds the secret, never the secret itself",
        ),
    ),
    AfterValidator(_of_others),
]
SystemName = Annotated[
    str,
    in_form(
        r"[a-z][a-z0-9-]{0,31}",
        Text(
            "名称由小写字母、数字和连字符组成,以字母开头,最多 32 个字符",
            "a name is lower-case letters, digits and hyphens, begins with a letter and has at most 32 characters",
        ),
    ),
]  # of a source, target or channel: it stands in addresses, keys, events, metrics and commands


def _event(name: object) -> object:
    if name in EVENT_NAMES:
        return name
    close = nearest_event(str(name), EVENT_NAMES)
    raise ValueError(f"there is no event {name!r}{f'; did you mean {close!r}?' if close else ''}")


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        form = Text("应为绝对路径,例如 /etc/ticketbus/…", "must be an absolute path, such as /etc/ticketbus/…")
        raise ValueError(str(form))
    return path


AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
EventName = Annotated[str, BeforeValidator(_event)]
Events = Annotated[
    tuple[EventName, ...],
    BeforeValidator(lambda given: EVENT_NAMES if given == "all" else given),
    Field(min_length=1),
]


class ConfigFileInvalid(BusError):
    """A file cannot be used; the text names the file, and of each fault the entry and the field."""


class HasOptions(Protocol):
    """An adapter, as far as a file is concerned: what its options are."""

    @property
    def options(self) -> type[BaseModel]:
        """The model of its options."""
        ...


Model = TypeVar("Model", bound=BaseModel)
FaultsOf = Callable[[ValidationError, str], Iterable[str]]


class FileModel(BaseModel):
    """A part of a file that people write: an unknown field is refused by name, and no value is ever shown."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class AdapterEntry(FileModel):
    """An entry that names an adapter; `options` are the adapter's own."""

    adapter: str
    options: Any = Field(default_factory=dict)


Entry = TypeVar("Entry", bound=AdapterEntry)
Adapters = Mapping[str, HasOptions]


def read_yaml(path: Path, model: type[Model], faults: FaultsOf | None = None) -> Model:
    """Read a typed YAML file. Raises ConfigFileInvalid, naming every fault at once and never a value.

    `faults` says them of the file's text in words of its own.
    """
    text = ""
    try:
        text = path.read_text(encoding="utf-8")
        return model.model_validate(yaml.load(text, OnceLoader))  # noqa: S506 - ours is a safe one
    except OSError as error:
        raise ConfigFileInvalid(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        found = faults(error, text) if faults else _faults(error)
        raise ConfigFileInvalid(f"{path}: {'; '.join(found)}") from None
    except yaml.MarkedYAMLError as error:  # its text shows the line, and what stands there may be a secret
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigFileInvalid(f"{path}: line {line}: {error.problem}") from None
    except RecursionError:
        raise ConfigFileInvalid(f"{path}: nested too deep") from None
    except (yaml.YAMLError, ValueError):
        raise ConfigFileInvalid(f"{path}: {Text('不是 UTF-8 编码的 YAML', 'not YAML in UTF-8')}") from None


def read_options(name: str, given: Any, adapters: Adapters, faults: list[str], where: str) -> BaseModel | None:
    """Read the options of an adapter as its model has them; None when `faults` got why not, never a value of them."""
    try:
        return adapters[name].options.model_validate(given)
    except KeyError:
        close = nearest(name, adapters)
        meant = f"did you mean {close!r}?" if close else f"there are {', '.join(sorted(adapters))}"
        faults.append(f"{where}.adapter: there is no adapter {name!r}; {meant}")
    except AdapterUnusable as error:
        faults.append(f"{where}.adapter: {error}")
    except ValidationError as error:
        faults += _faults(error, f"{where}.options")
    return None


def with_options(path: Path, section: str, entries: Mapping[str, Entry], adapters: Adapters) -> dict[str, Entry]:
    """Give the entries of a section with their `options` as the models of their adapters.

    Raises ConfigFileInvalid, naming every fault at once and never a value of `options`.
    """
    faults = list[str]()
    read = {
        name: one.model_copy(
            update={"options": read_options(one.adapter, one.options, adapters, faults, f"{section}.{name}")}
        )
        for name, one in entries.items()
    }
    if faults:
        raise ConfigFileInvalid(f"{path}: {'; '.join(faults)}")
    return read


def secret_of(variable: str, environment: Mapping[str, str], *, where: str) -> SecretStr:
    """Read the secret that a target names, from its variable or that one's file.

    Raises ConfigFileInvalid: the variable, and `where` it is asked for.
    """
    try:
        value = secret_from(environment, variable)
    except SecretFileUnusable as error:
        raise ConfigFileInvalid(f"{where}: {error}") from None
    if not value:
        absent = Text(f"环境变量 {variable} 没有设置", f"the environment variable {variable} is not set")
        raise ConfigFileInvalid(f"{where}: {absent}")
    return SecretStr(value)


def _faults(error: ValidationError, *within: str) -> list[str]:
    found = error.errors(include_input=False, include_url=False)
    places = [each["loc"] for each in found]
    return [
        f"{'.'.join((*within, *map(str, each['loc']))) or 'file'}: {in_words(each['type'], each['msg'])}"
        for each in found
        # Of a list, items that were refused are missing in pydantic's count: what is wrong is below.
        if not any(len(one) > len(each["loc"]) and one[: len(each["loc"])] == each["loc"] for one in places)
    ]


def in_words(kind: str, text: str) -> str:
    """Give a refusal of pydantic's as people of service read it."""
    if words := _IN_WORDS.get(kind):
        return str(words)
    text = _TIME.sub(lambda found: written(timedelta(**{unit: int(n) for unit, n in _PART.findall(found[1])})), text)
    if (zh := _WITH_VALUES.get(kind)) and (value := _VALUES.match(text)):
        values = value["values"]
        return str(Text(zh.format(values.replace(", ", "、").replace(" or ", " 或 ")), text))
    return text.removeprefix("Value error, ")


_TIME: Final = re.compile(r"datetime\.timedelta\(([^)]*)\)")  # how pydantic names a limit of ours
_PART: Final = re.compile(r"(\w+)=(\d+)")
_VALUES: Final = re.compile("Input should be (?:(?:greater|less) than (?:or equal to )?)?(?P<values>.+)", re.DOTALL)
_WITH_VALUES: Final[Mapping[str, str]] = {
    "greater_than": "应大于 {}",
    "greater_than_equal": "不能小于 {}",
    "less_than": "应小于 {}",
    "less_than_equal": "不能大于 {}",
    "literal_error": "应为 {}",
    "enum": "应为 {}",
}


_MAPPING: Final = Text("应为“名称: 值”的形式", "Input should be a valid dictionary of name: value")
_LIST: Final = Text("应为列表,例如 [A, B]", "Input should be a valid list, such as [A, B]")
_WHOLE: Final = Text("应为整数", "Input should be a valid integer")
_IN_WORDS: Final[Mapping[str, Text]] = {
    "extra_forbidden": Text("没有这个字段", "there is no such field"),
    "missing": Text("缺少此字段", "Field required"),
    "string_type": Text("应为文本,数字请加引号", "Input should be a valid string: put a number in quotes"),
    "path_type": Text("应为文件的绝对路径", "Input is not a valid path for a file"),
    "tuple_type": _LIST,
    "list_type": _LIST,
    "dict_type": _MAPPING,
    "model_type": _MAPPING,
    "time_delta_parsing": DURATION_FORM,
    "time_delta_type": DURATION_FORM,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "too_short": Text("不能为空", "should not be empty"),
}


class OnceLoader(yaml.SafeLoader):
    """Refuses a duplicate key: YAML would silently take the last one, and a target would be lost."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set[str]()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} stands here twice", key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def _day(loader: OnceLoader, node: yaml.ScalarNode) -> object:
    try:
        return loader.construct_yaml_timestamp(node)
    except ValueError as error:  # 2027-02-30
        raise yaml.constructor.ConstructorError(None, None, str(error), node.start_mark) from None


OnceLoader.add_constructor("tag:yaml.org,2002:timestamp", _day)
