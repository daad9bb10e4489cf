/** What a server refuses, and what goes wrong on the way to it. */

/** An error as the server tells it (RFC 9457), or of the way there (`unavailable.server`). */
export class MnemonError extends Error {
  /** Stable and machine readable, such as `not_found.task`; the part before the dot is its kind. */
  readonly code: string;
  /** The HTTP status; 0 where nothing was answered. */
  readonly status: number;
  /** What to do about it. */
  readonly hint: string | undefined;
  /** The field that is meant. */
  readonly field: string | undefined;
  /** Everything else that was told: versions, limits, the id of the request in the server's log. */
  readonly data: Readonly<Record<string, unknown>>;

  constructor(message: string, code: string, status: number, data: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.name = "MnemonError";
    this.code = code;
    this.status = status;
    this.hint = typeof data["hint"] === "string" ? data["hint"] : undefined;
    this.field = typeof data["field"] === "string" ? data["field"] : undefined;
    this.data = data;
  }

  /** `invalid`, `unauthenticated`, `forbidden`, `not_found`, `conflict`, `unavailable`, or `unexpected`. */
  get kind(): string {
    return this.code.split(".", 1)[0] ?? this.code;
  }
}

/** Make an error of an answer that is none of 2xx. */
export async function refused(response: Response): Promise<MnemonError> {
  let problem: unknown;
  try {
    problem = await response.clone().json();
  } catch {
    problem = undefined;
  }
  if (typeof problem !== "object" || problem === null || !("code" in problem) || !("detail" in problem)) {
    const kind = response.status >= 500 ? "unavailable" : "invalid";
    return new MnemonError(`${response.url} answered ${response.status}, and not as Mnemon does.`, `${kind}.server`, response.status);
  }
  const { code, detail, type: _type, title: _title, status: _status, ...data } = problem as Record<string, unknown>;
  return new MnemonError(String(detail), String(code), response.status, data);
}
