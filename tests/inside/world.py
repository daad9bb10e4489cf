"""An organisation in which everybody keeps something, and who looks at it.

Each kind of row says a word of its own, wherever it has text: an answer that has the word shows the row.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from mnemon import AsyncMemory
from mnemon.agents import service as agents
from mnemon.agents.schemas import AgentCreate, StateCheckpoint
from mnemon.context import Context
from mnemon.conversations import service as conversations
from mnemon.conversations.schemas import ConversationCreate
from mnemon.core.pages import PageRequest
from mnemon.core.principal import Principal
from mnemon.graph import service as graph
from mnemon.graph.schemas import EnsureEntity, Mention, NewMention
from mnemon.identity import service as identity
from mnemon.identity.schemas import DeviceRegister, TeamCreate, TeamMember
from mnemon.identity.schemas_access import OAuthTokenStore
from mnemon.integrations import service as integrations
from mnemon.integrations.schemas import CalendarEvent, Connect, File, Mail, SyncEvents, SyncFiles, SyncMail
from mnemon.jobs import service as jobs
from mnemon.jobs.schemas import Enqueue, SetSchedule
from mnemon.memory.schemas_facts import AssertFact, NoteUse, Used
from mnemon.memory.service.facts import assert_fact
from mnemon.memory.service.usage import note_use
from mnemon.workspace import service as workspace
from mnemon.workspace.schemas import CreateDocument, CreateTask, Notify
from tests.factories import context_of
from tests.identity.access import keyed
from tests.workspace.helpers import people

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
#: What all of it is about: the words by which it is looked for.
ABOUT = "harbour secret"

#: The word of each kind of row.
MARKS = {
    kind: f"zq{kind.replace('_', '')}"
    for kind in ("agent_private", "user_profile", "team", "private", "personal", "entity", "job", "state")
}


def text(kind: str, more: str = "") -> str:
    """What a row of a kind says."""
    return f"{ABOUT} {MARKS[kind]} {more}".strip()


@dataclass(slots=True)
class World:
    """The organisation: its own process, who looks, and the ids of what is kept, by kind and what it is."""

    ctx: Context
    eyes: dict[str, Context] = field(default_factory=dict)
    ids: dict[str, UUID] = field(default_factory=dict)
    rows: dict[str, list[UUID]] = field(default_factory=dict)

    def all_rows(self) -> list[UUID]:
        """Ids of all messages and memories."""
        return [one for some in self.rows.values() for one in some]


#: Who sees a kind. Everybody else in :attr:`World.eyes` does not.
SEEN_BY = {
    "agent_private": {"keeper", "keeper for sam"},
    "user_profile": {"olga", "keeper for olga"},
    "team": {"tess", "olga", "keeper for olga"},
    "private": {"olga", "mate", "keeper", "keeper for olga"},
    "personal": {"olga", "keeper for olga"},
    "entity": {"olga", "keeper for olga"},
    "job": {"olga", "keeper for olga"},
    "state": {"olga", "keeper", "keeper for sam", "keeper for olga"},
}
SEEN_BY["agent_private"] |= {"keeper for olga"}


async def make_world(memory: AsyncMemory) -> World:
    """Fill an organisation."""
    ctx = keyed(context_of(memory))
    world = World(ctx)
    olga, mate, tess, sam, dora = await people(ctx, "olga", "mate", "tess", "sam", "dora")
    world.ids |= {"olga": olga, "mate": mate, "tess": tess, "sam": sam, "dora": dora}
    for slug, members in (("crew", (olga, tess)), ("dock", (dora,))):
        team = (await identity.create_team(ctx, TeamCreate(name=slug.title(), slug=slug))).id
        world.ids[slug] = team
        for member in members:
            await identity.add_team_member(ctx, TeamMember(team_id=team, user_id=member))
    keeper = (await agents.create_agent(ctx, AgentCreate(name="Keeper", external_id="keeper", user_id=olga))).id
    spy = (await agents.create_agent(ctx, AgentCreate(name="Spy", external_id="spy"))).id
    docker = (
        await agents.create_agent(ctx, AgentCreate(name="Docker", external_id="docker", team_id=world.ids["dock"]))
    ).id
    world.ids |= {"keeper": keeper, "spy": spy, "docker": docker}
    await _who_looks(world)
    await _talk(world, memory)
    await _keep(world, memory)
    await _personal(world)
    return world


async def _who_looks(world: World) -> None:
    """Everybody with every permission there is: what they may do does not decide what they see."""
    ids, organization = world.ids, world.ctx.principal.organization_id
    everything = frozenset((await identity.list_permissions(world.ctx, PageRequest(limit=1000))).items)
    teams = {"olga": {ids["crew"]}, "tess": {ids["crew"]}, "dora": {ids["dock"]}}

    def look(user: str | None = None, agent: str | None = None) -> Context:
        return world.ctx.as_principal(
            Principal(
                organization,
                ids[user] if user else None,
                ids[agent] if agent else None,
                frozenset(teams.get(user or "", ())),
                everything,
            )
        )

    for person in ("olga", "mate", "tess", "sam", "dora"):
        world.eyes[person] = look(person)
    for agent in ("keeper", "spy", "docker"):
        world.eyes[agent] = look(agent=agent)
    for agent, person in (("spy", "sam"), ("docker", "dora"), ("keeper", "sam"), ("keeper", "olga")):
        world.eyes[f"{agent} for {person}"] = look(person, agent)


async def _talk(world: World, memory: AsyncMemory) -> None:
    """A private conversation with all that came out of it."""
    ctx, ids = world.ctx, world.ids
    ids["private"] = (
        await conversations.create_conversation(
            ctx,
            ConversationCreate(
                external_id="quiet",
                title=text("private", "title"),
                description=text("private", "description"),
                metadata={"about": text("private")},
                user_id=ids["olga"],
                agent_id=ids["keeper"],
                participant_ids=(ids["mate"],),
            ),
        )
    ).id
    said = await memory.remember(
        [
            {"content": text("private", "said"), "conversation": "quiet", "speaker": "olga", "user": "olga"},
            {"content": text("private", "answered"), "conversation": "quiet", "role": "assistant", "agent": "keeper"},
        ]
    )
    kept = await memory.remember(
        [
            {"content": text("private", "extracted"), "memory_type": "semantic", "conversation": "quiet"},
            {
                "content": text("private", "learnt"),
                "memory_type": "semantic",
                "conversation": "quiet",
                "metadata": {"about": text("private")},
                "tags": [MARKS["private"]],
            },
        ]
    )
    world.rows["private"] = [*said.ids, *kept.ids]
    ids["private_message"], ids["private_memory"] = said.ids[0], kept.ids[0]
    for source in ({"source_message_id": said.ids[0]}, {"source_memory_id": kept.ids[0]}):
        fact = AssertFact(subject="harbour", predicate="hides", object=text("private", str(source)), **source)
        made = await assert_fact(ctx, replace_single(fact))
        ids["private_fact"] = made.fact.id
    open_answer = await memory.remember("Nothing to hide", conversation="square", role="assistant", agent="spy")
    open_memory = await memory.remember("Nothing to hide here", memory_type="semantic")
    async with ctx.database.transaction(ctx.principal) as connection:
        await connection.execute(
            "UPDATE conversations SET is_private = false WHERE organization_id = $1 AND external_id = 'square'",
            ctx.principal.organization_id,
        )
    ids["open_message"], ids["open_memory"] = open_answer.id, open_memory.id
    signals = {"why": {"value": 1.0, "about": MARKS["private"]}}
    for message, used in (
        (said.ids[0], open_memory.id),
        (open_answer.id, kept.ids[0]),
        (open_answer.id, said.ids[0]),
        (said.ids[0], open_answer.id),
    ):
        await note_use(ctx, NoteUse(message_id=message, used=(Used(id=used, signals=signals),)))
    ids["open_entity"] = (
        await graph.ensure_entity(ctx, EnsureEntity(entity_type="place", name="The harbour"))
    ).entity.id
    await graph.mention(
        ctx,
        Mention(
            mentions=tuple(
                NewMention(entity_id=ids["open_entity"], source_type=kind, source_id=one, context=text("private"))
                for kind, one in (("message", said.ids[0]), ("memory", kept.ids[0]))
            )
        ),
    )


def replace_single(fact: AssertFact) -> AssertFact:
    """The fact as one of several of its kind."""
    return fact.model_copy(update={"single_valued": False})


async def _keep(world: World, memory: AsyncMemory) -> None:
    """What an agent, a person and a team keep; and what an agent's state was."""
    ctx, ids = world.ctx, world.ids
    kept = await memory.remember(
        [
            {"content": text("agent_private"), "memory_type": "agent_private", "agent": "keeper"},
            {"content": text("user_profile"), "memory_type": "user_profile", "user": "olga"},
            {"content": text("team"), "memory_type": "semantic", "team": "crew"},
            {"content": text("team", "said"), "conversation": "deck", "team": "crew", "speaker": "tess"},
        ]
    )
    for kind, some in (("agent_private", kept.ids[:1]), ("user_profile", kept.ids[1:2]), ("team", kept.ids[2:])):
        world.rows[kind] = list(some)
    async with ctx.database.transaction(ctx.principal) as connection:
        ids["team"] = await connection.fetchval(
            "UPDATE conversations SET name = $2::text, summary = $2::text "
            "WHERE organization_id = $1 AND external_id = 'deck' RETURNING id",
            ctx.principal.organization_id,
            text("team", "title"),
        )
    facts = (
        AssertFact(subject="harbour", predicate="hides", object=text("team"), team="crew", single_valued=False),
        AssertFact(
            subject="harbour",
            predicate="hides",
            object=text("agent_private"),
            source_memory_id=kept.ids[0],
            single_valued=False,
        ),
        AssertFact(
            subject="harbour",
            predicate="hides",
            object=text("user_profile"),
            source_memory_id=kept.ids[1],
            single_valued=False,
        ),
    )
    for kind, fact in zip(("team", "agent_private", "user_profile"), facts, strict=True):
        ids[f"{kind}_fact"] = (await assert_fact(ctx, fact)).fact.id
    await graph.mention(
        ctx,
        Mention(
            mentions=tuple(
                NewMention(
                    entity_id=ids["open_entity"],
                    source_type="memory",
                    source_id=world.rows[kind][0],
                    context=text(kind),
                )
                for kind in ("agent_private", "user_profile", "team")
            )
        ),
    )
    state = await agents.checkpoint_state(
        ctx, StateCheckpoint(agent_id=ids["keeper"], state_data={"about": text("state")})
    )
    ids["state"] = state.id


async def _personal(world: World) -> None:
    """What is a person's own: tasks, mail, what they know, what runs for them."""
    ctx, ids, olga = world.ctx, world.ids, world.ids["olga"]
    words = text("personal")
    ids["task"] = (
        await workspace.create_task(ctx, CreateTask(user_id=olga, title=words, reminder_at=NOW - timedelta(days=1)))
    ).id
    ids["document"] = (
        await workspace.create_document(
            ctx, CreateDocument(user_id=olga, title=words, content=words, document_type="note")
        )
    ).id
    ids["notification"] = (
        await workspace.notify(ctx, Notify(user_ids=(olga,), type="note", title=words, body=words, data={"x": words}))
    )[0].id
    ids["integration"] = (
        await integrations.connect_integration(
            ctx,
            Connect(
                user_id=olga,
                provider="google",
                access_token=SecretStr(MARKS["personal"]),
                provider_email=f"{MARKS['personal']}@example.org",
                metadata={"about": words},
            ),
        )
    ).id
    one = ids["integration"]
    await integrations.sync_mail(
        ctx, SyncMail(integration_id=one, items=(Mail(gmail_id="1", subject=words, body_text=words, received_at=NOW),))
    )
    await integrations.sync_events(
        ctx,
        SyncEvents(
            integration_id=one,
            items=(
                CalendarEvent(provider_event_id="1", title=words, start_time=NOW, end_time=NOW + timedelta(hours=1)),
            ),
        ),
    )
    await integrations.sync_files(
        ctx, SyncFiles(integration_id=one, items=(File(provider_file_id="1", name=words, modified_at=NOW),))
    )
    async with ctx.database.transaction(ctx.principal) as connection:
        for kind, table in (("email", "gmail_messages"), ("file", "drive_files")):
            ids[kind] = await connection.fetchval(
                f"SELECT id FROM {table} WHERE organization_id = $1", ctx.principal.organization_id
            )
    await graph.mention(
        ctx,
        Mention(
            mentions=tuple(
                NewMention(entity_id=ids["open_entity"], source_type=kind, source_id=ids[kind], context=words)
                for kind in ("email", "file")
            )
        ),
    )
    await identity.register_device(
        ctx, DeviceRegister(user_id=olga, device_token=f"{MARKS['personal']}-token", platform="ios")
    )
    await identity.store_oauth_token(
        ctx, OAuthTokenStore(user_id=olga, provider="github", access_token=SecretStr(MARKS["personal"]))
    )
    ids["entity"] = (
        await graph.ensure_entity(
            ctx,
            EnsureEntity(
                entity_type="person",
                name=text("entity"),
                aliases=("The gull",),
                user_id=olga,
                description=text("entity"),
            ),
        )
    ).entity.id
    await _jobs(world)


async def _jobs(world: World) -> None:
    mine = world.eyes["olga"]
    world.ids["job"] = (await jobs.enqueue(mine, Enqueue(kind="inside.walk", payload={"about": text("job")}))).id
    await jobs.set_schedule(
        mine, SetSchedule(name="olgas-own", kind="inside.walk", payload={"about": text("job")}, every_seconds=86_400)
    )


def rendered(answer: Any) -> str:
    """All that an answer says, secrets too; what was asked is not said again."""
    if isinstance(answer, SecretStr):
        return answer.get_secret_value()
    if hasattr(answer, "__class__") and hasattr(type(answer), "model_fields"):
        return " ".join(rendered(getattr(answer, name)) for name in type(answer).model_fields if name != "query")
    if isinstance(answer, dict):
        return " ".join(rendered(one) for pair in answer.items() for one in pair)
    if isinstance(answer, (list, tuple, set, frozenset)):
        return " ".join(rendered(one) for one in answer)
    return str(answer)


def as_somebody(ctx: Context, **changes: Any) -> Context:
    """The context with another principal."""
    return ctx.as_principal(replace(ctx.principal, **changes))
