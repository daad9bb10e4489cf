/**
 * The memory of AI agents and the people they work with, over HTTP.
 *
 * Every route is typed by the server's own description: `memory.api.POST("/v1/tasks", { body: { title: "..." } })`. What
 * agents do most has a method of its own.
 */

import createClient, { type Client } from "openapi-fetch";

import { refused } from "./errors.js";
import type { components, operations, paths } from "./schema.js";
import { sender } from "./sending.js";

export { MnemonError } from "./errors.js";
export type { components, operations, paths } from "./schema.js";

/** Every schema of the description by its name: `Schemas["Task"]`. */
export type Schemas = components["schemas"];

type Body<O extends keyof operations> = operations[O] extends {
  requestBody?: { content: { "application/json": infer B } };
}
  ? NonNullable<B>
  : never;
type Query<O extends keyof operations> = operations[O] extends { parameters: { query?: infer Q } } ? NonNullable<Q> : never;

/** Something to remember: a text, the fields of a message or a memory, or a message as a client of a model has it. */
export type Thing =
  | string
  | (Partial<Schemas["NewMessage"]> & Partial<Schemas["NewMemory"]> & { content: string })
  | { role: string; content: string | readonly unknown[] };

/** Fields of what is remembered, and how: `dedupe` confirms what is there word for word, `split` keeps parts. */
export type Remembering = Partial<Omit<Schemas["NewMessage"] & Schemas["NewMemory"], "content">> & {
  dedupe?: boolean;
  split?: boolean;
};

export interface Options {
  /** `mnk_...`; without one the server has to trust this machine. */
  apiKey?: string;
  /** How often a call is made where nothing is answered; 4 without it. */
  attempts?: number;
  /** Milliseconds for one attempt to be answered; 150,000 without it. */
  timeout?: number;
  /** Another `fetch` than the global one. */
  fetch?: typeof fetch;
}

/** A memory on a server. */
export class Mnemon {
  /** Every route: `GET`, `POST`, `PATCH`, `PUT` and `DELETE` take its path and give `{ data }`, or throw MnemonError. */
  readonly api: Client<paths>;

  constructor(url: string, options: Options = {}) {
    const headers = options.apiKey === undefined ? {} : { Authorization: `Bearer ${options.apiKey}` };
    this.api = createClient<paths>({
      baseUrl: url.replace(/\/+$/, ""),
      headers,
      fetch: sender({
        attempts: options.attempts ?? 4,
        timeout: options.timeout ?? 150_000,
        fetch: options.fetch ?? globalThis.fetch,
      }),
    });
    this.api.use({
      async onResponse({ response }) {
        if (!response.ok && response.status !== 304) throw await refused(response);
      },
    });
  }

  /** Remember one thing or many, with fields for all of them beside it. */
  async remember(content: Thing | readonly Thing[], fields: Remembering = {}): Promise<Schemas["Remembered"]> {
    return take(this.api.POST("/v1/memories", { body: { ...fields, content } as Body<"memory_remember"> }));
  }

  /** What to bring to mind before answering: fitting, recent, important, connected, within a token budget. */
  async recall(query: string, fields: Omit<Body<"memory_recall">, "query"> = {}): Promise<Schemas["Recollection"]> {
    return take(this.api.POST("/v1/recall", { body: { ...fields, query } })) as Promise<Schemas["Recollection"]>;
  }

  /** What matches a question best, with the reasons. */
  async search(query: string, fields: Omit<Body<"memory_search">, "query"> = {}): Promise<Schemas["Recollection"]> {
    return take(this.api.POST("/v1/search", { body: { ...fields, query } })) as Promise<Schemas["Recollection"]>;
  }

  /** A page of what is remembered, newest first; `cursor: page.next_cursor` asks for the next. */
  async list(query: Query<"memory_list_items"> = {}): Promise<Schemas["Page_Item_"]> {
    return take(this.api.GET("/v1/memories", { params: { query } }));
  }

  /** Everything that is remembered under some conditions, page by page. */
  async *all(query: Query<"memory_list_items"> = {}): AsyncGenerator<Schemas["Item"], void, undefined> {
    let cursor: string | null | undefined = query.cursor;
    do {
      const page: Schemas["Page_Item_"] = await this.list(cursor ? { ...query, cursor } : query);
      yield* page.items;
      cursor = page.next_cursor;
    } while (cursor);
  }

  /** One message or memory. */
  async get(id: string): Promise<Schemas["Item"]> {
    return take(this.api.GET("/v1/memories/{item_id}", { params: { path: { item_id: id } } }));
  }

  /** Correct a memory: new content takes its place, and what was known before stays on record. */
  async update(id: string, changes: Body<"memory_update">): Promise<Schemas["Item"]> {
    return take(this.api.PATCH("/v1/memories/{item_id}", { params: { path: { item_id: id } }, body: changes }));
  }

  /** Forget softly, by ids or by conditions. */
  async forget(what: Body<"memory_forget">): Promise<Schemas["Forgotten"]> {
    return take(this.api.POST("/v1/forget", { body: what }));
  }
}

/** The answer itself, of a call of `api`: `await take(memory.api.GET("/v1/tasks"))`. */
export async function take<T>(call: Promise<{ data?: T }>): Promise<T> {
  return (await call).data as T;
}
