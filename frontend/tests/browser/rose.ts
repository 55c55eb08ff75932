/**
 * A running Rose with the real `tiny` models, and a page that listens to what it plays.
 * `ROSE_BIN` names the binary; `ROSE_URL` a server that runs already. A test's `settings` are the server's environment.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { expect, type Page, test as base } from "@playwright/test";

import { TEXT_VERSION } from "../../src/settings/textVersion";

const repository = fileURLToPath(new URL("../../..", import.meta.url));

export class Rose {
  private child: ChildProcess | null = null;
  url = process.env.ROSE_URL ?? "";

  constructor(
    private readonly data: string,
    private readonly settings: Record<string, string>,
  ) {}

  async start(): Promise<void> {
    if (process.env.ROSE_URL) return;
    const binary = process.env.ROSE_BIN ?? path.join(repository, "target/release/rose");
    // The second time at the same address, so that the open page finds it again.
    const bind = this.url ? new URL(this.url).host : "127.0.0.1:0";
    const child = spawn(binary, ["serve", "--models", "tiny", "--bind", bind, "--data-dir", this.data], { cwd: repository, env: { ...process.env, ...this.settings } });
    this.child = child;
    this.url = await new Promise((resolve, reject) => {
      let said = "";
      const read = (piece: Buffer) => {
        said += piece.toString();
        const ready = /ready on (http:\S+)/.exec(said);
        if (ready?.[1]) resolve(ready[1]);
      };
      child.stdout.on("data", read);
      child.stderr.on("data", read);
      child.on("exit", () => reject(new Error(`the server ended before it was ready:\n${said.slice(-2000)}`)));
    });
  }

  /** At once, as a crash would. */
  async kill(): Promise<void> {
    const child = this.child;
    if (!child || child.exitCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  }
}

export const test = base.extend<{ open: (path: string) => Promise<void> }, { settings: Record<string, string>; rose: Rose }>({
  settings: [{}, { option: true, scope: "worker" }],
  rose: [
    async ({ settings }, use) => {
      const data = await mkdtemp(path.join(tmpdir(), "rose-frontend-"));
      const rose = new Rose(data, settings);
      await rose.start();
      await use(rose);
      await rose.kill();
      await rm(data, { recursive: true, force: true });
    },
    { scope: "worker", timeout: 120_000 },
  ],
  open: async ({ page, rose }, use) => {
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(error.message));
    page.on("console", (message) => {
      if (/Content Security Policy/.test(message.text())) errors.push(message.text());
    });
    await page.addInitScript(tapOutput);
    await page.addInitScript((accepted) => localStorage.setItem("rose.settings", JSON.stringify({ accepted })), TEXT_VERSION);
    await use(async (path) => {
      await page.goto(rose.url + path);
    });
    expect(errors).toEqual([]);
  },
});

/** Everything that is connected to the speakers is measured too: `window.loudest` is its highest sample. */
function tapOutput(): void {
  const state = window as unknown as { loudest: number };
  state.loudest = 0;
  const connect = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function (this: AudioNode, to: AudioNode | AudioParam, ...rest: number[]) {
    if (to instanceof AudioDestinationNode) {
      const tap = this.context.createAnalyser();
      tap.fftSize = 2048;
      Reflect.apply(connect, this, [tap]);
      const samples = new Float32Array(tap.fftSize);
      setInterval(() => {
        tap.getFloatTimeDomainData(samples);
        for (const sample of samples) state.loudest = Math.max(state.loudest, Math.abs(sample));
      }, 20);
    }
    return Reflect.apply(connect, this, [to, ...rest]) as AudioNode;
  } as typeof connect;
}

export const loudest = (page: Page) => page.evaluate(() => (window as unknown as { loudest: number }).loudest);

/** Lets this much of the recording through: how long a person speaks is theirs to choose. */
export const speakFor = (page: Page, seconds: number) => page.waitForTimeout(seconds * 1000);

export const inState = (page: Page, word: string) => expect(page.getByTestId("state")).toHaveText(word);

export { expect };
