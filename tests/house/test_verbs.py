"""Every verb is registered once, and what the registry says of it is so."""

from __future__ import annotations

import ast
import dataclasses
import functools
import importlib
import importlib.util
import inspect
import pkgutil
import textwrap
import types
import typing
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from pydantic import BaseModel

import mnemon
from mnemon import verbs
from mnemon.context import Context
from mnemon.core.errors import Forbidden, NotFound
from mnemon.core.principal import INSTALLATION, Principal
from mnemon.verbs import TRUSTED, Verb

VERBS = {verb.name: verb for verb in verbs.every()}
NAMES = sorted(VERBS)

PART = "a part of other verbs, in their transaction"
#: Public functions of services that take a context and are no verbs: what other domains, adapters and workers call.
HELPERS = {
    "conversations.write_messages": PART,
    "conversations.one": PART,
    "identity.use_code": "a part of signing in, after a challenge",
    "identity.begin": "counts attempts for the verbs that compare secrets",
    "identity.waits": "counts attempts for the verbs that compare secrets",
    "identity.settle": "counts attempts for the verbs that compare secrets",
    "identity.new_refresh_token": "makes the tokens that sessions give",
    "identity.session_of": "reads the tokens that sessions give",
    "identity.confirm_api_key": "a part of what HTTP asks of each call: whether a key is still worth something",
    "identity.find_key": "half of authenticate_api_key",
    "identity.may": "lets verbs check who asks",
    "identity.hold": "lets verbs check who asks",
    "identity.outrank": "lets verbs check who asks",
    "identity.own_secret": "lets verbs check who asks",
    "identity.spare_last_owner": "lets verbs check who asks",
    "identity.secret_box": "gives what encrypts",
    "identity.revoke_agent_keys": PART,
    "identity.know_zone": PART,
    "identity.zone_of": PART,
    "identity.zones": "reads zones for the doors, before times are",
    "integrations.deliver_soon": PART,
    "integrations.seal": "encrypts what verbs keep",
    "integrations.unseal": "decrypts what verbs kept",
    "jobs.every_organization": "gives ids one by one to the worker's handlers; checks that it is the installation",
    "knowledge.acting_agent": PART,
    "memory.understand": "half of search and recall, which check the permission",
    "memory.gather": "half of search and recall, which check the permission",
    "memory.embed": "asks the embedder, not the database",
    "memory.find_languages": "a part of maintain, in transactions of its own",
    "memory.prepare": "half of remember, so that an import embeds while it writes; checks the permission itself",
    "memory.write": "half of remember; takes only what prepare made",
    "memory.resolve_names": PART,
    "memory.kinds_seen": PART,
    "memory.require_seen": PART,
    "operations.seal_receipt": PART,
    "operations.write_notes": "what HTTP notes of its calls, in batches; takes what it saw itself",
    "operations.write": "what MetricWriter writes with, which checks the permission when it is made",
    "workspace.open_asset": "streams bytes, which no request has; checks the permission itself",
    "workspace.store_asset": "streams bytes, which no request has; checks the permission itself",
    "workspace.require_own": PART,
}

#: What a verb takes beside its request, for callers in the same process.
BESIDE = {
    ("jobs.enqueue", "within"): "the caller's own transaction; a door has none",
    ("jobs.set_schedule", "replace"): "false when the worker puts its own schedules where there are none",
}
#: Reading verbs whose transactions are not begun as reading ones are.
UNUSUAL = {
    "identity.list_roles": "makes the system's own roles where an organisation has none yet",
    "installation.export_organization": "a snapshot that is read with COPY, in a read-only transaction of its own",
    "operations.preview_erasure": "counts by erasing, in a transaction that is taken back",
}
#: Words that a summary may begin with: what is done, as one would tell somebody to do it.
WORDS = frozenset(
    "Activate Add Advance Assign Begin Bring Cancel Change Check Close Compute Count Deactivate Delete Embed End Erase "
    "Exchange Find Forget Give Keep Let List Log Make Mark Measure Note Put Queue Read Recall Recompute Reconstruct "
    "Record Register Remember Remove Retract Roll Say Seal Send Set Sign Stop Store Take Tell Verify Write".split()
)
PLAIN = (UUID, str, int, bool, datetime, types.NoneType)


def services() -> Iterator[types.ModuleType]:
    """Each module of each domain's service, and those beside them."""
    found = list(dict.fromkeys(verb.function.__module__ for verb in VERBS.values()))
    for package in pkgutil.iter_modules(mnemon.__path__):
        if package.ispkg and importlib.util.find_spec(f"mnemon.{package.name}.service"):
            service = importlib.import_module(f"mnemon.{package.name}.service")
            found += [service.__name__]
            found += [
                f"{service.__name__}.{one.name}" for one in pkgutil.iter_modules(getattr(service, "__path__", []))
            ]
    for name in dict.fromkeys(found):
        yield importlib.import_module(name)


def with_context() -> set[str]:
    """``domain.function`` of every public function of the services that takes a context."""
    return {
        f"{module.__name__.split('.')[1]}.{name}"
        for module in services()
        for name, function in vars(module).items()
        if inspect.isfunction(function)
        and not name.startswith("_")
        and function.__module__ == module.__name__
        and "Context" in {one.annotation for one in inspect.signature(function).parameters.values()}
    }


def test_every_function_that_takes_a_context_is_a_verb_or_has_its_reason() -> None:
    functions = with_context()
    missing = functions - VERBS.keys() - HELPERS.keys()
    assert not missing, f"{sorted(missing)}: @verb(...) above it (docs/development.md, Add a verb), or among HELPERS"
    assert HELPERS.keys() <= functions, f"no such function: {sorted(HELPERS.keys() - functions)}"
    assert not HELPERS.keys() & VERBS.keys()
    assert all(HELPERS.values())
    assert len(VERBS) > 200


def test_every_verb_is_what_its_domain_exports() -> None:
    for name, verb in VERBS.items():
        home = importlib.import_module(verb.function.__module__)
        package = (
            home
            if hasattr(home, "__path__") or home.__name__.count(".") == 2
            else importlib.import_module(home.__name__.rpartition(".")[0])
        )
        assert getattr(package, name.partition(".")[2], None) is verb.function, f"{package.__name__} has no {name}"
    assert [verb.name for verb in verbs.every()] == NAMES


def test_a_verb_has_one_permission_or_says_why() -> None:
    for verb in VERBS.values():
        assert bool(verb.rule) is (len(verb.permissions) != 1), verb.name
    open_to_all = {name for name, verb in VERBS.items() if not verb.permissions}
    assert open_to_all == {  # each of them is a decision: add none without one
        "conversations.checkpoints",
        "identity.ask_reset",
        "identity.authenticate_api_key",
        "identity.find_session",
        "identity.finish_sign_in",
        "identity.read_timezones",
        "identity.refresh_session",
        "identity.reset_password",
        "identity.send_code",
        "identity.sign_in",
        "identity.verify_password",
    }


def _nobody(organization: UUID, *permissions: str) -> Context:
    """A context that has nothing but a principal: whoever is let past the check fails for want of a database."""
    principal = Principal(organization, user_id=uuid4(), permissions=frozenset(permissions))
    return Context(principal, *(cast("Any", None),) * 5)


@pytest.mark.parametrize("name", [name for name in NAMES if len(VERBS[name].permissions) == 1])
async def test_who_has_not_the_permission_is_refused_before_anything_else(name: str) -> None:
    verb = VERBS[name]
    required = [
        cast("Any", None)
        for one in list(inspect.signature(verb.function).parameters.values())[1:]
        if one.default is inspect.Parameter.empty
    ]
    others = {permission for one in VERBS.values() for permission in one.permissions} - {*verb.permissions, TRUSTED}
    call = verb.function(_nobody(INSTALLATION, *others), *required)
    with pytest.raises(Forbidden) as caught:
        await call
    assert (caught.value.code, caught.value.data["permission"]) == ("forbidden.permission", verb.permissions[0])
    if verb.installation:
        with pytest.raises(Forbidden) as caught:
            await verb.function(_nobody(uuid4(), *verb.permissions), *required)
        assert caught.value.code == "forbidden.installation"


def test_a_request_is_one_schema_or_plain() -> None:
    wrong = []
    for name, verb in VERBS.items():
        kinds = {one: _kinds(hint) for one, hint in verb.parameters.items() if (name, one) not in BESIDE}
        if verb.request is None:
            fits = all(issubclass(kind, PLAIN) for those in kinds.values() for kind in those)
        else:
            fits = list(kinds) == ["request"]
        if not fits:
            wrong.append((name, kinds))
    assert not wrong, f"{wrong}: a verb takes `request: Schema`, or ids and keywords of plain types"
    assert all(one in VERBS[name].parameters for name, one in BESIDE)


def _kinds(hint: Any) -> tuple[type, ...]:
    return typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)


def test_answers_are_schemas_or_plain() -> None:
    for name, verb in VERBS.items():
        for kind in _kinds(verb.answer):
            inner = typing.get_args(kind)[0] if typing.get_origin(kind) in (tuple, frozenset) else kind
            assert issubclass(inner, (BaseModel, *PLAIN)), (name, verb.answer)


def test_a_summary_begins_with_what_is_done() -> None:
    wrong = [
        f"{name}: {verb.summary}"
        for name, verb in VERBS.items()
        if verb.summary.split(maxsplit=1)[0].rstrip(",:") not in WORDS or not verb.summary.endswith(".")
    ]
    assert not wrong, "\n".join(wrong)


@functools.cache
def _beginnings(function: Callable[..., Any]) -> frozenset[str]:
    """How transactions are begun by a function and by whatever functions of ours it calls."""
    function = inspect.unwrap(function)
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    found: set[str] = set()
    for node in ast.walk(tree):
        begun = _begun(node)
        if begun is not None:
            found.add(begun)
        called = _called(node, function)
        if called is not None and inspect.unwrap(called) is not function:
            found |= _beginnings(called)
    return frozenset(found)


def _begun(node: ast.AST) -> str | None:
    """How an expression begins a transaction: ``read``, or the method's name; None: it begins none."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return None
    if not ast.unparse(node.func.value).endswith("database"):
        return None
    readonly = any(one.arg == "readonly" and ast.unparse(one.value) == "True" for one in node.keywords)
    return "read" if readonly or node.func.attr.startswith("read_") else node.func.attr


def _called(node: ast.AST, function: Callable[..., Any]) -> Callable[..., Any] | None:
    """The function of ours that an expression names, by the globals of the function it stands in."""
    names = inspect.unwrap(function).__globals__
    value = None
    if isinstance(node, ast.Name):
        value = names.get(node.id)
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        module = names.get(node.value.id)
        value = getattr(module, node.attr, None) if isinstance(module, types.ModuleType) else None
    ours = inspect.isfunction(value) and value.__module__.startswith("mnemon.")
    return cast("Callable[..., Any]", value) if ours else None


WRITING = {"session", "transaction"}


@pytest.mark.parametrize("name", NAMES)
def test_a_verb_that_reads_begins_nothing_that_could_write(name: str) -> None:
    begun = _beginnings(VERBS[name].function)
    if name in UNUSUAL:
        assert not VERBS[name].changes
        assert not begun or begun & WRITING, f"{name} is not unusual any more"
    elif VERBS[name].changes:
        assert begun & {*WRITING, "untenanted"}, f"{name} begins only {set(begun)}: it changes nothing"
    else:
        assert not begun & WRITING, f"{name} begins {set(begun)}: say readonly=True, or changes=True"
        assert begun, f"{name} begins no transaction that was found"


def test_beginnings_are_found_in_what_a_verb_calls() -> None:
    assert _beginnings(VERBS["memory.remember"].function) >= {"transaction"}
    assert _beginnings(VERBS["operations.dashboard"].function) == {"read", "transaction"}


def test_no_verb_checks_again_what_stands_above_it() -> None:
    again = []
    for name, verb in VERBS.items():
        tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(verb.function))))
        again += [
            name
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and ast.unparse(node.func).endswith("principal.require")
            and [ast.literal_eval(one) for one in node.args if isinstance(one, ast.Constant)] == [*verb.permissions]
        ]
    assert not again


def test_a_verb_is_found_by_its_name() -> None:
    assert verbs.find("workspace.create_task") is VERBS["workspace.create_task"]
    with pytest.raises(NotFound):
        verbs.find("workspace.create_everything")


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> dict[str, Verb]:
    kept: dict[str, Verb] = {}
    monkeypatch.setattr(verbs, "_REGISTRY", kept)
    return kept


async def test_the_decorator_keeps_what_it_decorates(registry: dict[str, Verb]) -> None:
    @verbs.verb("tasks:read")
    async def look(ctx: Context, task_id: UUID, *, at: datetime | None = None) -> str:
        """Look at a task.

        More of it.
        """
        return f"{task_id} {at}"

    known = registry["house.look"]
    assert inspect.iscoroutinefunction(look)
    assert (known.summary, known.domain, known.changes) == ("Look at a task.", "house", False)
    assert dict(known.parameters) == {"task_id": UUID, "at": datetime | None}
    assert (known.request, known.answer) == (None, str)
    own = uuid4()
    assert await look(_nobody(uuid4(), "tasks:read"), own, at=None) == f"{own} None"
    refused = look(_nobody(uuid4(), "tasks:write"), own)  # nothing is raised before it is awaited
    with pytest.raises(Forbidden):
        await refused
    with pytest.raises(dataclasses.FrozenInstanceError):
        known.changes = True  # type: ignore[misc]


def test_what_is_said_twice_or_not_at_all_is_refused(registry: dict[str, Verb]) -> None:
    async def look(ctx: Context) -> None:
        """Look."""

    for permissions, rule in (((), ""), (("tasks:read",), "why"), (("tasks:read", "tasks:write"), "")):
        with pytest.raises(TypeError, match="one permission"):
            verbs.verb(*permissions, rule=rule)
    verbs.verb(rule="open to all")(look)
    assert registry["house.look"].changes
    with pytest.raises(TypeError, match="two verbs"):
        verbs.verb("tasks:read")(look)
