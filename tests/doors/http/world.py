"""Two organisations with one of everything, made over HTTP, and a call of every route that means theirs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx

from mnemon.app import App
from mnemon.context import Context
from mnemon.core.text import parse
from mnemon.doors.routes.table import Route
from mnemon.identity import service as identity
from mnemon.identity.schemas import UserCreate
from mnemon.identity.schemas_access import ApiKeyCreate, RoleAssign
from tests.factories import new_slug

#: What is said in an organisation and nowhere else.
MARK = "zanzibar-{slug}"
NOBODY = UUID(int=1)
MOMENT = "2026-05-01T09:30:00Z"


@dataclass(slots=True)
class Town:
    """An organisation with one of everything.

    Attributes:
        owner: the key of its owner; ``bare``: of its owner too, with no scopes; ``agent_key``: of its agent, none too.
        ids: one id a kind, by the first segment of the path where it is found.
    """

    ctx: Context
    slug: str
    owner: str
    bare: str
    owner_id: UUID
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def mark(self) -> str:
        """What stands in its rows and in those of nobody else."""
        return MARK.format(slug=self.slug)


async def new_key(ctx: Context, *scopes: str, user: UUID) -> str:
    """A key of a person."""
    made = await identity.create_api_key(ctx, ApiKeyCreate(name="k", user_id=user, scopes=scopes))
    return made.key.get_secret_value()


async def found(app: App) -> Town:
    """An organisation with an owner and keys."""
    slug = new_slug("town")
    ctx = await app.organization(slug)
    email = f"{uuid4().hex}@example.org"
    user = await identity.create_user(ctx, parse(UserCreate, {"email": email, "password": "wet-otter-laughs-9"}))
    await identity.assign_role(ctx, RoleAssign(user_id=user.id, role="owner"))
    owner = await new_key(ctx, "*", user=user.id)
    return Town(ctx, slug, owner, await new_key(ctx, user=user.id), user.id)


async def settle(town: Town, client: httpx.AsyncClient) -> None:
    """Make one of everything, over HTTP."""
    for place, path, body, name in makings(town):
        answer = await call(client, "POST", path.format(**town.ids), town.owner, body)
        assert answer.status_code < 300, (path, answer.text)
        town.ids[place] = str(_in(answer.json(), name))


def _in(value: Any, name: str) -> Any:
    for part in name.split("."):
        value = value[int(part)] if part.isdecimal() else value[part]
    return value


def makings(town: Town) -> list[tuple[str, str, Any, str]]:
    """What is made: where it is found, the path, the body, and where its id stands in the answer.

    A body that names what was made before is a function of the ids.
    """
    mark, owner = town.mark, str(town.owner_id)
    ids = town.ids
    email = f"{uuid4().hex}@example.org"
    steps = [{"name": "one", "action": mark}]
    return [
        ("users", "/users", {"email": email, "password": "wet-otter-laughs-9", "display_name": mark}, "id"),
        ("agents", "/agents", {"name": mark}, "id"),
        ("teams", "/teams", {"name": mark, "slug": new_slug("team"), "owner_id": owner}, "id"),
        ("conversations", "/conversations", {"title": mark, "user_id": owner}, "id"),
        ("messages", "/memories", {"content": f"we met in {mark}", "conversation": "talk", "role": "user"}, "ids.0"),
        ("memories", "/memories", {"content": f"I was in {mark}"}, "ids.0"),
        ("facts", "/facts", {"subject": mark, "predicate": "is", "object": mark}, "fact.id"),
        ("entities", "/entities", {"name": mark, "entity_type": "place"}, "entity.id"),
        ("others", "/entities", {"name": f"{mark} two", "entity_type": "place"}, "entity.id"),
        ("relationships", "/relationships", lambda: _relation(ids), "id"),
        ("roles", "/roles", {"name": f"role {mark}"}, "id"),
        ("api-keys", "/api-keys", {"name": mark, "user_id": owner}, "id"),
        ("devices", f"/users/{owner}/devices", {"device_token": mark, "platform": "ios"}, "id"),
        ("mfa-devices", f"/users/{owner}/totp", {"name": mark}, "device_id"),
        ("integrations", "/integrations", {"provider": "google", "access_token": mark, "user_id": owner}, "id"),
        ("webhooks", "/webhooks", {"url": f"https://example.org/{mark}"}, "webhook.id"),
        ("deliveries", "/deliveries", {"event": "memory.created", "payload": {"mark": mark}}, "ids.0"),
        ("jobs", "/jobs", {"kind": "tests.none", "payload": {"mark": mark}}, "id"),
        ("knowledge", "/knowledge", lambda: _knowledge(ids, mark), "id"),
        ("transfers", "/transfers", lambda: _transfer(ids), "id"),
        ("patterns", "/patterns", {"type": "lateral", "name": mark, "pattern_data": {"mark": mark}}, "id"),
        ("learning-sessions", "/learning-sessions", lambda: _learning(ids, mark), "id"),
        ("workflows", "/workflows", {"name": mark, "steps": steps}, "id"),
        ("active", "/workflows", {"name": f"{mark} two", "steps": steps}, "id"),
        ("activated", "/workflows/{active}/activate", {}, "id"),
        ("executions", "/executions", lambda: {"workflow_id": ids["active"], "agent_id": ids["agents"]}, "id"),
        ("tasks", "/tasks", {"title": mark, "user_id": owner}, "id"),
        ("documents", "/documents", {"title": mark, "document_type": "note", "user_id": owner}, "id"),
        ("templates", "/templates", {"name": mark, "document_type": "note"}, "id"),
        ("notifications", "/notifications", {"user_ids": [owner], "type": "note", "title": mark}, "0.id"),
    ]


def _relation(ids: dict[str, str]) -> dict[str, str]:
    return {"source_entity_id": ids["entities"], "target_entity_id": ids["others"], "relationship_type": "near"}


def _knowledge(ids: dict[str, str], mark: str) -> dict[str, Any]:
    return {"domain": mark, "content": {"said": mark}, "source_agent_id": ids["agents"]}


def _learning(ids: dict[str, str], mark: str) -> dict[str, str]:
    return {"source_domain": mark, "target_domain": mark, "agent_id": ids["agents"]}


def _transfer(ids: dict[str, str]) -> dict[str, str]:
    return {
        "knowledge_id": ids["knowledge"],
        "target_agent_id": ids["agents"],
        "transfer_method": "copy",
        "source_agent_id": ids["agents"],
    }


async def call(
    client: httpx.AsyncClient, method: str, path: str, key: str | None, body: Any = None, **headers: str
) -> httpx.Response:
    """Call a path below /v1."""
    if key is not None:
        headers["authorization"] = f"Bearer {key}"
    body = body() if callable(body) else body
    in_query = method in {"GET", "DELETE"}
    return await client.request(
        method,
        f"/v1{path}",
        params=body if in_query else None,
        json=None if in_query else body or {},
        headers=headers,
    )


def path_of(route: Route, ids: dict[str, str]) -> str:
    """The path of a route, with ids of a town."""
    segments = route.path.split("/")
    place = segments[1]
    for at, segment in enumerate(segments):
        if segment.startswith("{"):
            named = "users" if segment == "{user_id}" and place == "teams" else place
            segments[at] = ids.get(named, str(NOBODY))
    return "/".join(segments)
