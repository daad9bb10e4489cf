import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Mnemon, MnemonError, take, type Schemas } from "../src/index.js";
import { Served } from "./served.js";

let served: Served;
let memory: Mnemon;

before(async () => {
  served = await Served.start();
  memory = new Mnemon(served.url);
});
after(() => served.stop());

async function code(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    assert.ok(error instanceof MnemonError, String(error));
    return error.code;
  }
  assert.fail("it was not refused");
}

test("what is remembered is recalled, corrected and forgotten", async () => {
  const { ids } = await memory.remember("I moved to Lisbon in May", { user: "ada", tags: ["home"] });
  const found = await memory.recall("Where does Ada live?", { user: "ada", token_budget: 500 });
  assert.equal(found.hits[0]?.item.content, "I moved to Lisbon in May");
  assert.ok((found.hits[0]?.score ?? 0) > 0);
  const item: Schemas["Item"] = await memory.update(ids[0] ?? "", { content: "I moved to Porto in June", reason: "so she said" });
  assert.equal((await memory.get(item.id)).content, "I moved to Porto in June");
  assert.deepEqual((await memory.list({ user: "ada" })).items.map((one) => one.content), ["I moved to Porto in June"]);
  assert.equal((await memory.forget({ ids: [item.id] })).memories, 1);
  assert.deepEqual((await memory.search("Porto", { user: "ada" })).hits, []);
});

test("many at once, and page by page", async () => {
  const said = Array.from({ length: 30 }, (_, n) => ({ content: `Line ${n}`, speaker: "bo", at: `2026-03-01T12:${10 + n}:00Z` }));
  assert.equal((await memory.remember(said, { conversation: "talk" })).created, 30);
  const lines: string[] = [];
  for await (const one of memory.all({ conversation: "talk", limit: 7 })) lines.push(one.content);
  assert.deepEqual(lines, said.map((one) => one.content).reverse());
  await Promise.all(Array.from({ length: 20 }, (_, n) => memory.remember(`Thing ${n}`, { user: "crowd" })));
  assert.equal((await memory.list({ user: "crowd", limit: 100 })).items.length, 20);
});

test("every route is there, with its types", async () => {
  const person = await take(memory.api.POST("/v1/users", { body: { email: "ada@example.org" } }));
  const task = await take(memory.api.POST("/v1/tasks", { body: { title: "Send it", user_id: person.id, due_date: "2026-03-06" } }));
  const { data: page } = await memory.api.GET("/v1/tasks", { params: { query: { user_id: person.id, status: ["todo"] } } });
  assert.deepEqual(page?.items.map((one) => one.id), [task.id]);
  // @ts-expect-error - a title is needed
  assert.equal(await code(memory.api.POST("/v1/tasks", { body: {} })), "invalid.missing");
  // @ts-expect-error - there is no such field
  assert.equal(await code(memory.recall("x", { usr: "ada" })), "invalid.unknown_field");
  // @ts-expect-error - there is no such path
  assert.equal(await code(memory.api.GET("/v1/chores")), "not_found.path");
});

test("errors say what is wrong", async () => {
  const nothing = "00000000-0000-4000-8000-000000000000";
  const error: MnemonError = await memory.get(nothing).then(() => assert.fail(), (one: MnemonError) => one);
  assert.equal(error.kind, "not_found");
  assert.equal(error.status, 404);
  assert.ok(error.data["request_id"]);
  const wrong: MnemonError = await memory.recall("x", { k: 0 }).then(() => assert.fail(), (one: MnemonError) => one);
  assert.equal(wrong.field, "k");
  assert.equal(await code(new Mnemon(served.url, { apiKey: "mnk_nobody" }).list()), "unauthenticated.api_key");
  assert.equal(await code(new Mnemon("http://127.0.0.1:9", { attempts: 1 }).list()), "unavailable.server");
});

test("a change is done once, whatever becomes of its answer", async () => {
  let lost = 2;
  const lossy: typeof fetch = async (input, init) => {
    const answer = await fetch(input, init);
    if (lost > 0) {
      lost -= 1;
      await answer.body?.cancel();
      throw new TypeError("the line was cut");
    }
    return answer;
  };
  const far = new Mnemon(served.url, { fetch: lossy });
  const person = await take(memory.api.POST("/v1/users", { body: { email: "bo@example.org" } }));
  const task = await take(far.api.POST("/v1/tasks", { body: { title: "Once", user_id: person.id } }));
  const { data: page } = await memory.api.GET("/v1/tasks", { params: { query: { user_id: person.id } } });
  assert.deepEqual(page?.items.map((one) => one.id), [task.id]);
});

test("a server that is killed and comes back", async () => {
  const writing = Array.from({ length: 40 }, (_, n) => memory.remember(`Kept ${n}`, { user: "kept" }).then(() => n, () => -1));
  await new Promise((done) => setTimeout(done, 30));
  await served.down("SIGKILL");
  await served.up();
  const acknowledged = (await Promise.all(writing)).filter((n) => n >= 0);
  const there = new Map<string, number>();
  for await (const one of memory.all({ user: "kept" })) there.set(one.content, (there.get(one.content) ?? 0) + 1);
  for (const n of acknowledged) assert.equal(there.get(`Kept ${n}`), 1, `Kept ${n}`);
});
