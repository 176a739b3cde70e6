"""JSON and YAML documents; what is refused is refused with its place. YAML is read without its surprises."""

import json
from typing import Any

import yaml

from chainbell.engine.errors import InvalidInputError

MOST_KEYS, MOST_VALUES = 10_000, 5_000_000
"""Keys of one mapping of a YAML file, and values of the whole, an alias counted wherever it stands."""


def read_json(data: bytes, name: str) -> Any:
    """The value in a JSON file; raises InvalidInputError, with line and column where known.

    NaN and infinities, which Python would read, are refused.
    """
    try:
        return json.loads(data, parse_constant=_refuse_constant, object_pairs_hook=_each_key_once)
    except json.JSONDecodeError as error:
        raise InvalidInputError(f"{name}:{error.lineno}:{error.colno}", f"is not JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(name, f"is not JSON: {error}") from None


def read_yaml(data: bytes, name: str) -> Any:
    """The value in a YAML file as JSON would give it; raises InvalidInputError, with line and column where known."""
    try:
        value = _jsonlike(yaml.load(data, Loader=_Loader), {})  # noqa: S506  a SafeLoader with more checks
        if _size(value, {}) > MOST_VALUES:
            raise InvalidInputError(name, f"is not YAML: with its aliases it has more than {MOST_VALUES} values")
        return value
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        raise InvalidInputError(place, f"is not YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise InvalidInputError(name, f"is not YAML: {error}") from None


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise ValueError(f"the key {name[:80]!r} stands twice")
            seen.add(name)
    return found


def _size(value: Any, known: dict[int, int]) -> int:
    """How many values there are, an alias counted wherever it stands."""
    if not isinstance(value, (dict, list)):
        return 1
    if id(value) not in known:
        inner = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_size(one, known) for one in inner)
    return known[id(value)]


class _Loader(yaml.SafeLoader):
    """A safe loader, strict where YAML 1.1 surprises: a repeated key is an error, 17:00 is not the number 1020."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merges what `<<` names, within a bound: a few lines of merges can make millions of keys."""
        super().flatten_mapping(node)
        if len(node.value) > MOST_KEYS:
            problem = f"has more than {MOST_KEYS} keys with those merged"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = key_node.value
            if key in seen:
                raise yaml.MarkedYAMLError(problem=f"the key {key!r} stands twice", problem_mark=key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def _jsonlike(value: Any, seen: dict[int, Any]) -> Any:
    """The value with keys as strings and dates as ISO 8601, as in JSON; an alias is converted once and stays shared."""
    if id(value) in seen:
        return seen[id(value)]
    if isinstance(value, dict):
        mapping: dict[str, Any] = {}
        seen[id(value)] = mapping
        mapping.update({str(key): _jsonlike(item, seen) for key, item in value.items()})
        return mapping
    if isinstance(value, list):
        items: list[Any] = []
        seen[id(value)] = items
        items.extend(_jsonlike(item, seen) for item in value)
        return items
    return value.isoformat() if hasattr(value, "isoformat") else value


def _without_sexagesimals(tag: str) -> None:
    numeric = _Loader.yaml_constructors[tag]

    def construct(loader: _Loader, node: yaml.ScalarNode) -> Any:
        return node.value if ":" in node.value else numeric(loader, node)

    _Loader.add_constructor(tag, construct)


_without_sexagesimals("tag:yaml.org,2002:int")
_without_sexagesimals("tag:yaml.org,2002:float")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number that JSON knows")
