"""Reading the YAML files that people write: typed, every fault at once by its place, and no value ever shown."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from bus.domain.errors import AdapterUnusable, BusError
from bus.domain.naming import nearest

# Where a secret stands: the environment variable's name. A secret itself, pasted here, is refused without being shown.
VariableName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{2,63}$")]


class ConfigFileInvalid(BusError):
    """A file cannot be used; the text names the file, and of each fault the entry and the field."""


class HasOptions(Protocol):
    """An adapter, as far as a file is concerned: what its options are."""

    @property
    def options(self) -> type[BaseModel]:
        """The model of its options."""
        ...


Model = TypeVar("Model", bound=BaseModel)


class FileModel(BaseModel):
    """A part of a file that people write: an unknown field is refused by name, and no value is ever shown."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def read_yaml(path: Path, model: type[Model]) -> Model:
    """Read a typed YAML file. Raises ConfigFileInvalid, naming every fault at once and never a value."""
    try:
        return model.model_validate(yaml.load(path.read_text(encoding="utf-8"), OnceLoader))  # noqa: S506 - ours is a safe one
    except OSError as error:
        raise ConfigFileInvalid(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        raise ConfigFileInvalid(f"{path}: {'; '.join(_faults(error))}") from None
    except yaml.MarkedYAMLError as error:  # its text shows the line, and what stands there may be a secret
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigFileInvalid(f"{path}: line {line}: {error.problem}") from None
    except RecursionError:
        raise ConfigFileInvalid(f"{path}: nested too deep") from None
    except (yaml.YAMLError, ValueError):
        raise ConfigFileInvalid(f"{path}: not YAML in UTF-8") from None


def read_options(
    name: str, given: Any, adapters: Mapping[str, HasOptions], faults: list[str], where: str
) -> BaseModel | None:
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


def secret_of(variable: str, environment: Mapping[str, str], *, where: str) -> SecretStr:
    """Read the secret that a target names. Raises ConfigFileInvalid: the variable, and `where` it is asked for."""
    value = environment.get(variable, "").strip()
    if not value:
        raise ConfigFileInvalid(f"{where}: the environment variable {variable} is not set")
    return SecretStr(value)


def _faults(error: ValidationError, *within: str) -> list[str]:
    return [
        f"{'.'.join((*within, *map(str, each['loc']))) or 'file'}: {_message(each['type'], each['msg'])}"
        for each in error.errors(include_input=False, include_url=False)
    ]


def _message(kind: str, text: str) -> str:
    return "there is no such field" if kind == "extra_forbidden" else text.removeprefix("Value error, ")


class OnceLoader(yaml.SafeLoader):
    """Refuses a duplicate key: YAML would silently take the last one, and a target would be lost."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set[str]()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} stands here twice", key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)
