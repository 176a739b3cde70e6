"""Writes the pages of docs/reference/ that follow from the code, and the pictures: `python docs/make_reference.py`.

tests/docs/test_docs.py compares what is written here with what stands in the repository.
"""

import json
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from functools import partial
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from aiohttp import web
from typer.main import get_command

from chainbell.delivery import DeliverySettings, GuardPolicy
from chainbell.engine import Engine, Housekeeping, Retention
from chainbell.engine.cli.app import COMMANDS, app, loaded
from chainbell.engine.http.openapi import ROUTES, TAGS, described
from chainbell.engine.http.schemas import envelope_schema
from chainbell.engine.simulation import read_scenario, run_scenario, scenario_clock
from chainbell.rules import CATALOGUE, Event, Rule
from chainbell.rules.payload import camel_case

DOCS = Path(__file__).parent
FIXTURES = DOCS.parent / "fixtures"
MADE = "<!-- Made by docs/make_reference.py; do not edit. -->"


def _events_of(scenario_file: str) -> tuple[list[Event], list[Any]]:
    """The events and the fever trail of one scenario of `fixtures/`."""
    scenario = read_scenario(FIXTURES / scenario_file)
    with Engine("sqlite://", clock=scenario_clock(scenario)) as engine:
        events = list(run_scenario(engine, scenario))
        trail = list(engine.status(scenario.plan.project.id, account=scenario.plan.account_id).trail)
    return events, trail


def _type_name(kind: Any) -> str:
    """A type as it travels in JSON."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return " or ".join("null" if one is NoneType else _type_name(one) for one in arguments)
    if origin is tuple:
        return f"list of {_type_name(arguments[0])}"
    if is_dataclass(kind):
        return "{" + ", ".join(camel_case(field.name) for field in fields(kind)) + "}"
    return {"str": "string", "float": "number", "int": "integer", "bool": "boolean", "date": "date"}.get(
        kind.__name__, {"datetime": "instant"}.get(kind.__name__, "string")
    )


def _sentences(text: str | None) -> str:
    """A docstring's first paragraph on one line."""
    return " ".join((text or "").split("\n\n")[0].split())


def events_page() -> str:
    """Each event with when it fires, its payload fields, and an example that a scenario has brought."""
    happened = [event for file in ("product-launch.yaml", "frozen-project.yaml") for event in _events_of(file)[0]]
    examples = {event.name: event for event in reversed(happened)}  # the first of each name
    lines = [
        MADE,
        "# Events",
        "",
        "The events in the order in which one evaluation fires them. The tables list the fields of `data`;",
        "[what is delivered](../concepts/delivery.md) describes the envelope around it. Durations and sizes are",
        "working days, consumption is percent of a buffer, and fields that count days late or early are calendar days.",
        "",
    ]
    for rule in CATALOGUE:
        module = __import__(rule.decide.__module__, fromlist=["__doc__"])
        head, _, rest = (module.__doc__ or "").partition("\n\n")
        when = " ".join(head.partition(": ")[2].split())
        lines += [f"## {rule.event}", "", when[:1].upper() + when[1:], ""]
        if rest:
            lines += [" ".join(rest.split()), ""]
        lines += ["| field | type |", "|---|---|"]
        hints = get_type_hints(rule.payload)
        lines += [f"| `{camel_case(field.name)}` | {_type_name(hints[field.name])} |" for field in fields(rule.payload)]
        data = json.dumps(dict(examples[rule.event].data), indent=2, ensure_ascii=False)
        lines += ["", "```json", data, "```", "", f"{{download}}`JSON schema <schemas/{rule.event}.json>`", ""]
    return "\n".join(lines).rstrip() + "\n"


def api_page() -> str:
    """Every route by tag, with what it takes, what it answers and what a caller must be allowed to do."""
    lines = [
        MADE,
        "# API routes",
        "",
        "`chainbell serve` answers these routes, and so does `create_app(engine)` in an aiohttp application. All but",
        "the operations ask for `Authorization: Bearer TOKEN`, with a token that has the route's scope, or `admin`: a",
        "token has that if it was given no scopes. Errors are problem documents (RFC 9457) with `field` and `reason`.",
        "`/openapi.json` (OpenAPI 3.1, no token) has the schema of every body and answer, and",
        "`/docs` shows it as a page; with `chainbell serve --open-docs` or `create_app(engine, open_docs=True)` the",
        "page asks for no token. A parameter that a route does not know is refused. The id of a project is an integer",
        "or a string; a string of digits begins with an apostrophe.",
        "",
    ]
    for tag, about in TAGS.items():
        lines += [f"## {tag}", "", about, "", "| route | what it does |", "|---|---|"]
        for route in ROUTES:
            if route.tag == tag:
                query = [] if route.query is None else list(route.query.model_json_schema()["properties"])
                told = [
                    f"{route.summary}.",
                    f"Scope `{route.scope}`." if route.scope else "",
                    f"Body `{_kind_name(described(route.body))}`." if route.body is not None else "",
                    f"Parameters {', '.join(f'`{name}`' for name in query)}." if query else "",
                    f"Answers {route.status} {_kind_name(route.answer)}".rstrip() + ".",
                ]
                lines.append(f"| `{route.method.upper()} {route.path}` | {' '.join(one for one in told if one)} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _kind_name(kind: Any) -> str:
    """The name that a body or an answer has in the OpenAPI document."""
    if kind in (None, NoneType) or kind is web.Response:
        return ""
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(name for name in map(_kind_name, get_args(kind)) if name)
    if get_origin(kind) in (list, Annotated):
        inner = get_args(kind)[0]
        return f"list of {_kind_name(get_args(inner)[0])}" if get_origin(inner) is list else _kind_name(inner)
    return str(kind.__name__)


def cli_page() -> str:
    """Every command with its arguments and options."""
    lines = [MADE, "# Command line", "", "Global options may stand anywhere in a command. A command exits with 0 for"]
    lines += [
        "success, 1 where an expectation fails or storage is not there, and 2 for bad input; a command that is refused",
        "leaves no database behind. `python -m chainbell.engine` is the same program.",
        "",
        "A date means one instant for every command: the opening of that day on the project's calendar, in its own",
        "time zone. An instant is written with its offset, `2025-02-20T09:00Z`. An id is matched to what exists, an",
        "integer or a string; where both exist, `int:7` and `str:7` say which.",
        "",
    ]

    def walk(command: Any, name: str) -> None:
        children = {child: loaded(child) for child in COMMANDS} if command is top else getattr(command, "commands", {})
        lines.extend([f"## {name}", "", _sentences(command.help), ""])
        rows = []
        for parameter in command.params:
            is_option = parameter.param_type_name == "option"
            label = (
                f"`{'`, `'.join([*parameter.opts, *parameter.secondary_opts])}`" if is_option else f"`{parameter.name}`"
            )
            default = parameter.default
            shown = f"`{default}`" if isinstance(default, (str, int, float)) and not isinstance(default, bool) else ""
            variable = f" Environment: `{parameter.envvar}`." if parameter.envvar else ""
            rows.append(f"| {label} | {(getattr(parameter, 'help', '') or '').replace('|', '/')}{variable} | {shown} |")
        if rows:
            lines.extend(["| argument or option | meaning | default |", "|---|---|---|", *rows, ""])
        for child, its in sorted(children.items()):
            walk(its, f"{name} {child}")

    top = get_command(app)
    walk(top, "chainbell")
    return "\n".join(lines).rstrip() + "\n"


def _settings_table(kind: Any) -> list[str]:
    lines = ["| field | default |", "|---|---|"]
    for field in fields(kind):
        default = field.default if field.default is not MISSING else None
        shown = "as its own table" if is_dataclass(default) else str(default)
        if field.default is MISSING and field.default_factory is not MISSING:
            shown = "see below" if is_dataclass(field.default_factory()) else "empty"
        lines.append(f"| `{field.name}` | {shown} |")
    return [*lines, ""]


def settings_page() -> str:
    """Environment variables and the settings classes with their defaults."""
    lines = [MADE, "# Settings", "", "## Environment variables", "", "| variable | meaning |", "|---|---|"]
    lines += [
        "| `CHAINBELL_DATABASE` | as `--database`; `sqlite:///chainbell.db` by default |",
        "| `CHAINBELL_ALLOW_INSIDE` | `1` allows plain http and inside addresses, as `--allow-inside` |",
        "| `CHAINBELL_KEYS` | Fernet keys separated by commas: the first seals webhook secrets, all open them |",
        "| `CHAINBELL_TABLE_PREFIX` | what the names of the tables begin with; `chainbell_` by default |",
        "| `CHAINBELL_SCHEMA` | the PostgreSQL schema of the tables; the connection's own by default |",
        "| `CHAINBELL_HTTP` | `lean` (the default) or `session`, as `http` of DeliverySettings |",
        "",
    ]
    for kind in (DeliverySettings, GuardPolicy, Housekeeping, Retention):
        lines += [f"## {kind.__name__}", "", _sentences(kind.__doc__), "", *_settings_table(kind)]
    return "\n".join(lines).rstrip() + "\n"


FONT = 'font-family="sans-serif" font-size="12"'


def _text(x: float, y: float, words: str, extra: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}" {FONT} fill="#222" {extra}>{words}</text>'


def _svg(width: int, height: int, title: str, parts: list[str]) -> str:
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
    ground = f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
    return "\n".join([head, f"<title>{title}</title>", ground, *parts, "</svg>"]) + "\n"


def fever_chart() -> str:
    """The trail of the scenario product-launch: buffer consumption over chain completion, with the static zones."""
    left, top, width, height = 60, 20, 560, 260
    _, trail = _events_of("product-launch.yaml")

    def at(x: float, y: float) -> tuple[float, float]:
        return round(left + width * x / 100, 1), round(top + height * (1 - y / 100), 1)

    parts = []
    for low, high, colour, name in (
        (0, 50, "#cfe8cf", "green"),
        (50, 70, "#f6e7b0", "yellow"),
        (70, 100, "#f2c4bd", "red"),
    ):
        x, y = at(0, high)
        parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width}" height="{height * (high - low) / 100:g}" fill="{colour}"/>'
        )
        parts.append(_text(left + width - 46, y + 16, name))
    for mark in range(0, 101, 25):
        parts.append(_text(left - 8, at(0, mark)[1] + 4, str(mark), 'text-anchor="end"'))
        parts.append(_text(at(mark, 0)[0], top + height + 18, str(mark), 'text-anchor="middle"'))
    parts.append(_text(left + width / 2, top + height + 38, "critical chain done, %", 'text-anchor="middle"'))
    middle = top + height / 2
    words = "project buffer consumed, %"
    parts.append(_text(16, middle, words, f'text-anchor="middle" transform="rotate(-90 16 {middle:g})"'))
    points = [at(point.completion, max(0.0, point.consumption)) for point in trail]
    path = " ".join(f"{x:g},{y:g}" for x, y in points)
    parts.append(f'<polyline points="{path}" fill="none" stroke="#333" stroke-width="1.5"/>')
    parts += [f'<circle cx="{x:g}" cy="{y:g}" r="4" fill="#333"/>' for x, y in points]
    for point, name in ((trail[3], "project.early_warning"), (trail[4], "task.red")):
        x, y = at(point.completion, point.consumption)
        parts.append(_text(x + 10, y, name, 'stroke="#fff" stroke-width="3" paint-order="stroke"'))
    return _svg(640, 330, "Fever chart of the scenario product-launch", parts)


def chain_picture() -> str:
    """The plan of product-launch to scale: the critical chain, its buffer, a feeding chain and its buffer."""
    left, day = 90, 11
    rows = (
        (40, "critical", ((0, 5, "233"), (5, 10, "234"), (15, 8, "235"), (23, 7, "236")), (30, 15, "project buffer")),
        (110, "feeding", ((0, 4, "240"), (4, 6, "241")), (10, 5, "feeding buffer")),
    )
    parts = [_text(left, 20, "working days from the start; a task is labelled with its id")]
    for y, name, tasks, (start, size, label) in rows:
        parts.append(_text(left - 12, y + 20, name, 'text-anchor="end"'))
        for begin, length, task in tasks:
            x = left + begin * day
            parts.append(f'<rect x="{x}" y="{y}" width="{length * day}" height="30" fill="#bcd2ea" stroke="#345"/>')
            parts.append(_text(x + length * day / 2, y + 20, task, 'text-anchor="middle"'))
        x = left + start * day
        parts.append(
            f'<rect x="{x}" y="{y}" width="{size * day}" height="30" fill="#eee" stroke="#345" stroke-dasharray="4 3"/>'
        )
        parts.append(_text(x + (4 if size < 10 else 30), y + 46 if size < 10 else y + 20, label))
    join = left + 15 * day
    parts.append(f'<path d="M {join} 125 V 74" fill="none" stroke="#345"/>')
    parts.append(f'<path d="M {join - 4} 80 L {join} 71 L {join + 4} 80 Z" fill="#345"/>')
    for words, coordinate in (("E0", 30), ("D = E0 + B", 45)):
        x = left + coordinate * day
        parts.append(f'<path d="M {x} 34 V 88" stroke="#a33"/>')
        parts.append(_text(x, 102, words, 'text-anchor="middle"'))
    return _svg(640, 180, "A critical chain with its buffers", parts)


def schema(rule: Rule) -> str:
    """The JSON schema of one event's delivery."""
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": rule.event, **envelope_schema(rule)}
    return json.dumps(whole, indent=2) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "reference/events.md": events_page,
    "reference/api.md": api_page,
    "reference/cli.md": cli_page,
    "reference/settings.md": settings_page,
    "pictures/fever-chart.svg": fever_chart,
    "pictures/chains.svg": chain_picture,
    **{f"reference/schemas/{rule.event}.json": partial(schema, rule) for rule in CATALOGUE},
}
"""Each made file below docs/, with the function that makes its text."""


if __name__ == "__main__":
    for name, make in PAGES.items():
        (DOCS / name).write_text(make(), encoding="utf-8")
