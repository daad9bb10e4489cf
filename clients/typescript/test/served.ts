/** A real server: `mnemon serve` on a memory of its own, in a directory that goes at the end. */

import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PYTHON = process.env["PYTHON"] ?? join(import.meta.dirname, "../../../../.venv/bin/python");

export class Served {
  readonly port: number;
  readonly url: string;
  private readonly home: string;
  private child: ChildProcess | undefined;

  private constructor(port: number) {
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
    this.home = mkdtempSync(join(tmpdir(), "mnemon-client-"));
    chmodSync(this.home, 0o755); // as root the database runs under an account of its own
  }

  static async start(): Promise<Served> {
    const served = new Served(await freePort());
    await served.up();
    return served;
  }

  /** Start it, on the same port and the same memory as before. */
  async up(): Promise<void> {
    const args = ["-m", "mnemon", "serve", "--port", String(this.port), "--trust-loopback", "--no-worker"];
    this.child = spawn(PYTHON, args, { env: this.environment(), stdio: ["ignore", "ignore", "inherit"] });
    for (let waited = 0; ; waited += 100) {
      const ready = await fetch(`${this.url}/readyz`).then((answer) => answer.ok, () => false);
      if (ready) return;
      if (this.child.exitCode !== null || waited > 120_000) throw new Error("the server did not start");
      await new Promise((done) => setTimeout(done, 100));
    }
  }

  /** End it; `SIGKILL` in the middle of whatever it does. */
  async down(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    const child = this.child;
    if (child === undefined || child.exitCode !== null) return;
    const ended = new Promise((done) => child.once("exit", done));
    child.kill(signal);
    await ended;
  }

  /** End it and all that is left of it. */
  async stop(): Promise<void> {
    await this.down();
    spawnSync(PYTHON, ["-m", "mnemon", "down"], { env: this.environment() });
    rmSync(this.home, { recursive: true, force: true });
  }

  private environment(): NodeJS.ProcessEnv {
    return { PATH: process.env["PATH"], HOME: this.home, MNEMON_DATA_DIR: join(this.home, "data"), MNEMON_AUDIT_ANCHORS: this.home };
  }
}

function freePort(): Promise<number> {
  return new Promise((done) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => done(port));
    });
  });
}
