"""Declares routes once: a handler's signature defines what is parsed, checked, answered and described in OpenAPI."""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, get_type_hints

from chainbell.engine.documents.fields import Document
from chainbell.engine.tokens import Scope
from chainbell.rules.payload import camel_case

Tag = Literal["Webhooks", "Projects", "Events", "Audit", "Operations"]
H = TypeVar("H", bound=Callable[..., Any])
_PARAMETER = re.compile(r"\{(\w+)\}")
_VERBS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Described:
    """Marks a body that a handler gets as plain JSON and completes before it is checked; `kind` has its schema."""

    kind: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One route. `summary` and the fields after it come from the handler; kinds are classes with a schema.

    `parameters` are those of the path, in path order, keyed by the handler's argument names. `scope` is None if the
    route needs no token. `body` is None if there is none; `has_default_body` is true if it may be omitted. `others` are
    answers other than success, by status; `example` is an example of the body. Large requests of
    a route that `may_plan` are worked on in a process of their own.
    """

    method: str
    path: str
    operation: str
    tag: Tag
    scope: Scope | None
    status: int
    handler: Callable[..., Any]
    example: Any
    others: Mapping[int, Any]
    may_plan: bool
    summary: str
    parameters: Mapping[str, Any]
    query: type[Document] | None
    body: Any
    has_default_body: bool
    answer: Any


@dataclass(frozen=True, slots=True)
class Routes:
    """The routes of one subject, filled by its decorators.

    A handler's first argument is what it may access: `AccountView`. Then follow the path's parameters by name, `query`
    and `body`. On an open route it is `Operating`, and nothing follows. It returns the answer, a dataclass, or raises.
    """

    tag: Tag
    declared: list[Route] = field(default_factory=list)

    def route(
        self,
        method: str,
        path: str,
        operation: str,
        *,
        scope: Scope | None,
        status: int = 200,
        example: Any = None,
        others: Mapping[int, Any] | None = None,
        may_plan: bool = False,
    ) -> Callable[[H], H]:
        """Declares the decorated handler as a route; its docstring's first paragraph is the summary."""
        assert method in _VERBS, method  # noqa: S101  a programmer's slip

        def declare(handler: H) -> H:
            hints = get_type_hints(handler, include_extras=True)
            signature = inspect.signature(handler).parameters
            names = [camel_case(name) for name in signature]
            missing = [name for name in _PARAMETER.findall(path) if name not in names]
            assert not missing, f"{operation}: no argument for {missing}"  # noqa: S101
            made = Route(
                method=method,
                path=path,
                operation=operation,
                tag=self.tag,
                scope=scope,
                status=status,
                handler=handler,
                example=example,
                others=others or {},
                may_plan=may_plan,
                summary=(inspect.getdoc(handler) or operation).split("\n\n")[0].replace("\n", " ").rstrip("."),
                parameters={n: hints[n] for n in signature if camel_case(n) in _PARAMETER.findall(path)},
                query=hints.get("query"),
                body=hints.get("body"),
                has_default_body="body" in signature and signature["body"].default is not inspect.Parameter.empty,
                answer=hints["return"],
            )
            self.declared.append(made)
            return handler

        return declare
