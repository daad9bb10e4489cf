"""Every text that a request takes is a name, an id of another system, or of a form of its own; or it is written here.

A name is trimmed and a blank one is refused (`Label` and its kin in core/text.py). What is typed as a plain string lets
" " in, and makes two of "Rosa" and "Rosa ".
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from mnemon import verbs
from mnemon.conversations.schemas import NewMessage
from mnemon.core.text import Key
from mnemon.memory.schemas import NewMemory

PROSE = "what people write, kept as they wrote it"
THEIRS = "as the other system has it: to trim it would be to look for something else there"
SIGHTED = "read back by rows that are there already"
SHOWN = "may be empty, and is shown only"
MACHINES = "what a machine sent"
OURS = "an answer of ours, given back"


def _in(reason: str, field: str, schemas: str) -> dict[tuple[str, str], str]:
    """A field of several schemas that takes such a text in each of them, for one reason."""
    return {(schema, field): reason for schema in schemas.split()}


#: Fields that take a text which is no name, each by its schema: a field of the same name may be a name in another.
FREE = {
    **_in(
        PROSE,
        "description",
        "AgentCreate AgentUpdate CalendarEvent ConversationCreate ConversationUpdate CreateTask "
        "DefineWorkflow EnsureEntity RegisterWebhook RoleCreate RoleUpdate UpdateEntity UpdateTask "
        "UpdateWebhook UpdateWorkflow",
    ),
    **_in(PROSE, "error_message", "AuditEvent FinishExecution FinishTransfer"),
    **_in(PROSE, "summary", "ConversationUpdate"),
    **_in(PROSE, "content", "CreateDocument NewMemory NewMessage Update UpdateDocument"),
    **_in(PROSE, "instructions", "CreateTemplate UpdateTemplate"),
    **_in(PROSE, "message", "ErrorReport"),
    **_in(PROSE, "stack_trace", "ErrorReport"),
    **_in(PROSE, "body_text", "Mail"),
    **_in(PROSE, "snippet", "Mail"),
    **_in(PROSE, "context", "NewMention Relate"),
    **_in(PROSE, "body", "Notify"),
    **_in(PROSE, "error", "RecordAttempt ReportFailure"),
    **_in(PROSE, "query", "Search SearchKnowledge SearchMail SearchMessages"),
    **_in(SIGHTED, "forbidden_tools", "AgentBoundaries"),
    **_in(SIGHTED, "forbidden_topics", "AgentBoundaries"),
    **_in(SIGHTED, "model_name", "AgentModelConfig"),
    **_in(SIGHTED, "rules", "AgentPersonality"),
    **_in(SIGHTED, "tone", "AgentPersonality"),
    **_in(SIGHTED, "traits", "AgentPersonality"),
    **_in(SIGHTED, "response", "VoiceExample"),
    **_in(SIGHTED, "situation", "VoiceExample"),
    **_in(SHOWN, "avatar_emoji", "AgentCreate AgentUpdate"),
    **_in(SHOWN, "tagline", "AgentCreate AgentUpdate"),
    **_in(
        MACHINES,
        "cursor",
        "AgentList AuditQuery CapabilityList ConversationList ExecutionQuery FactHistory FactsAt "
        "LearningQuery ListApiKeys ListAssets ListDeliveries ListDocuments ListEvents ListFiles ListIntegrations "
        "ListItems ListJobs ListMentions ListOfUser ListTasks ListTeamMembers ListTemplates Notifications "
        "PageRequest RollupQuery SaveCursor SearchKnowledge StateList SyncEvents SyncFiles SyncMail "
        "TransferQuery UsageOf WorkflowQuery",
    ),
    **_in(MACHINES, "user_agent", "AuditEvent RequestReport SecondFactor SessionStart SignIn TrustedIdentity"),
    **_in(MACHINES, "route", "RequestReport"),
    **_in(OURS, "label", "ErasurePreview"),
    **{
        ("CalendarEvent", field): THEIRS
        for field in ("calendar_id", "title", "location", "timezone", "online_meeting_url", "recurrence_rule")
    },
    ("Connect", "scopes"): THEIRS,
    ("Connect", "provider_email"): THEIRS,
    **{("File", field): THEIRS for field in ("name", "mime_type", "web_url", "parent_path")},
    ("ListFiles", "name"): THEIRS,
    **_in(
        "what somebody typed, and an error would tell them more than a wrong password",
        "email",
        "AskReset PasswordCheck SignIn TrustedIdentity",
    ),
    **{("Mail", field): THEIRS for field in ("thread_id", "subject", "from_email", "to_emails", "labels")},
}


def _schemas(hint: Any, found: set[type[BaseModel]]) -> None:
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        if hint not in found:
            found.add(hint)
            for inner in typing.get_type_hints(hint, include_extras=True).values():
                _schemas(inner, found)
        return
    for inner in typing.get_args(hint):
        _schemas(inner, found)


def _texts(hint: Any) -> Iterator[Any]:
    """The annotations of single texts within a field's: of a text, a list's members, a mapping's keys and values."""
    args = typing.get_args(hint)
    origin = typing.get_origin(hint)
    if hint is str:
        yield str
    elif origin is Annotated:
        if args[0] is str:
            yield hint
        elif typing.get_origin(args[0]) is Annotated or args[0] is not str:
            # What is around several types holds for each text in them.
            yield from _texts(args[0])
    elif origin in (typing.Union, types.UnionType, tuple, list, frozenset, set):
        for inner in args:
            yield from _texts(inner)


def _fields() -> list[tuple[str, str, Any]]:
    found: set[type[BaseModel]] = {NewMessage, NewMemory}
    for verb in verbs.every():
        for hint in verb.parameters.values():
            _schemas(hint, found)
    return sorted(
        (
            (schema.__name__, name, text)
            for schema in found
            for name, hint in typing.get_type_hints(schema, include_extras=True).items()
            if name in schema.model_fields
            for text in _texts(hint)
        ),
        key=lambda field: field[:2],
    )


FIELDS = _fields()


def _read(annotation: Any, value: str) -> str | None:
    try:
        return str(TypeAdapter(annotation).validate_python(value))
    except ValidationError:
        return None


def test_there_are_fields_to_look_at() -> None:
    assert len(FIELDS) > 200
    assert {("NewMessage", "user"), ("Scope", "user"), ("UserCreate", "external_id"), ("TeamCreate", "name")} <= {
        field[:2] for field in FIELDS
    }


def _problems(schema: str, name: str) -> list[str]:
    """What a field takes or keeps that no name has."""
    problems = []
    for annotation in (field[2] for field in FIELDS if field[:2] == (schema, name)):
        if any(_read(annotation, blank) is not None for blank in (" ", "\t\n", "\u3000", "\u200b", "\ufeff \xa0")):
            problems.append(f"{schema}.{name} takes a blank name: make it a Label")
        if annotation != Key and _read(annotation, " Rosa\u200b ") not in (None, "Rosa"):
            problems.append(f"{schema}.{name} keeps what nobody sees: make it a Label")
    return problems


@pytest.mark.parametrize(("schema", "name"), sorted({field[:2] for field in FIELDS} - FREE.keys()))
def test_names_are_trimmed_and_blank_ones_refused(schema: str, name: str) -> None:
    assert not _problems(schema, name)


@pytest.mark.parametrize(("schema", "name"), sorted(FREE))
def test_what_is_free_is_there_and_needs_to_be(schema: str, name: str) -> None:
    assert (schema, name) in {field[:2] for field in FIELDS}, "there is no such field: take it out of FREE"
    assert _problems(schema, name), "it is a name already: take it out of FREE"
