/** Pictures of every view, on three screens, in both themes, into test-results/screens: to be looked at. */
import { mkdirSync } from "node:fs";

import type { Browser, BrowserContext, Page } from "@playwright/test";

import { TEXT_VERSION } from "../../src/settings/textVersion";
import { expect, inState, speakFor, test } from "../browser/rose";

const FOLDER = "test-results/screens";
const SCREENS = {
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 },
  tablet: { viewport: { width: 820, height: 1180 }, deviceScaleFactor: 1 },
  desktop: { viewport: { width: 1440, height: 900 }, deviceScaleFactor: 1 },
};
const TOLD = ["My name is Ana, and I love the sea.", "My sister is called Maria, and I am afraid of thunder.", "I would rather have tea than coffee."];

type Kept = Awaited<ReturnType<BrowserContext["storageState"]>>;

/** Someone whom Rose knows a little, and a conversation with her. */
async function acquaintance(browser: Browser, url: string): Promise<Kept> {
  const context = await browser.newContext();
  await context.addInitScript((accepted) => localStorage.setItem("rose.settings", JSON.stringify({ accepted, stages: true })), TEXT_VERSION);
  const page = await context.newPage();
  await page.goto(`${url}/write`);
  for (const [at, text] of TOLD.entries()) {
    await page.getByLabel("Your message").fill(text);
    await page.keyboard.press("Enter");
    await expect(page.getByRole("button", { name: "Copy this reply" })).toHaveCount(at + 1);
  }
  const kept = await context.storageState();
  await context.close();
  return kept;
}

/** Lets nothing of a reply through until told. */
async function holdReplies(page: Page): Promise<() => void> {
  let held: (() => void)[] | null = [];
  await page.routeWebSocket(/\/v1\/realtime/, (socket) => {
    const server = socket.connectToServer();
    server.onMessage((message) => {
      if (held && message.includes('"response.')) held.push(() => socket.send(message));
      else socket.send(message);
    });
  });
  return () => {
    held?.forEach((send) => send());
    held = null;
  };
}

test("every view", async ({ browser, rose }) => {
  mkdirSync(FOLDER, { recursive: true });
  const storageState = await acquaintance(browser, rose.url);
  for (const [screen, size] of Object.entries(SCREENS)) {
    for (const colorScheme of ["light", "dark"] as const) {
      const context = await browser.newContext({ ...size, colorScheme, permissions: ["microphone"] });
      const name = (state: string) => `${FOLDER}/${screen}-${colorScheme}-${state}.png`;
      const first = await context.newPage();
      await first.goto(rose.url);
      await expect(first.getByText("not a clinician", { exact: false })).toBeVisible();
      await first.screenshot({ path: name("welcome") });
      await context.close();

      const known = await browser.newContext({ ...size, colorScheme, storageState, permissions: ["microphone"] });
      const page = await known.newPage();
      const release = await holdReplies(page);
      await page.goto(rose.url);
      await inState(page, "Resting");
      await page.screenshot({ path: name("resting") });
      await page.getByRole("button", { name: "Hold to speak" }).hover();
      await page.mouse.down();
      await inState(page, "Listening");
      await speakFor(page, 5);
      await page.screenshot({ path: name("listening") });
      await page.mouse.up();
      await inState(page, "Thinking");
      await speakFor(page, 1);
      await page.screenshot({ path: name("thinking") });
      release();
      await inState(page, "Speaking");
      await speakFor(page, 1);
      await page.screenshot({ path: name("speaking") });
      await inState(page, "Resting");
      for (const [place, view] of [["Write", "chat"], ["Memory", "memory"], ["Past", "past"], ["Settings", "settings"], ["Whom to call", "safety"]] as const) {
        await page.getByRole("link", { name: place }).click();
        await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
        await expect(page.getByText("One moment…")).toBeHidden();
        await page.screenshot({ path: name(view) });
      }
      await known.close();
    }
  }
});
