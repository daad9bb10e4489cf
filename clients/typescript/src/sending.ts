/** Sends a call until it is answered: a change carries a key, by which the server does it once. */

import { MnemonError } from "./errors.js";

const AGAIN = new Set([429, 502, 503, 504]);
const READS = new Set(["GET", "HEAD"]);
/** Seconds that a server's wish to wait is followed for. */
const PATIENCE = 10;

export interface Sending {
  /** How often a call is made at most. */
  attempts: number;
  /** Milliseconds for one attempt to be answered. */
  timeout: number;
  fetch: typeof fetch;
}

/** Return a `fetch` that makes a call again where nothing was answered, or where the server says to come again. */
export function sender({ attempts, timeout, fetch: send }: Sending): (request: Request) => Promise<Response> {
  return async (request) => {
    const headers = new Headers(request.headers);
    if (!READS.has(request.method) && !headers.has("Idempotency-Key")) {
      headers.set("Idempotency-Key", crypto.randomUUID());
    }
    const body = READS.has(request.method) ? undefined : await request.arrayBuffer();
    for (let attempt = 1; ; attempt += 1) {
      const signal = AbortSignal.any([request.signal, AbortSignal.timeout(timeout)]);
      const init: RequestInit = { method: request.method, headers, signal };
      if (body !== undefined && body.byteLength > 0) init.body = body;
      let wait = 0;
      try {
        const response = await send(request.url, init);
        wait = Number(response.headers.get("retry-after") ?? 0) || 0;
        if (!AGAIN.has(response.status) || attempt >= attempts || wait > PATIENCE) return response;
        await response.body?.cancel();
      } catch (error) {
        if (request.signal.aborted) throw error;
        if (attempt >= attempts) {
          const host = new URL(request.url).host;
          throw new MnemonError(`${host} cannot be reached (${String(error)}).`, "unavailable.server", 0, {
            hint: "Check the address, and that `mnemon serve` runs there.",
          });
        }
      }
      await new Promise((done) => setTimeout(done, Math.max(wait * 1000, 200 * 2 ** (attempt - 1) * (0.5 + Math.random() / 2))));
    }
  };
}
