/**
 * Accessibility of each view, in both themes and on a phone; the size of the first load; the app without a network; what
 * is said first, whom to call, and a person's own data.
 */
import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";

import { TEXT_VERSION } from "../../src/settings/textVersion";
import { CARE, Person } from "./person";
import { expect, loudest, test } from "./rose";

const VIEWS = ["/", "/write", "/memories", "/conversations", "/settings", "/safety"];
const SCREENS = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 800 } };
const MOST_SCRIPT_BYTES = 150 * 1024;

for (const colorScheme of ["light", "dark"] as const) {
  for (const view of VIEWS) {
    test(`axe finds nothing serious at ${view}, ${colorScheme}`, async ({ page, open }) => {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await open(view);
      await expect(page.getByRole("heading", { level: 1 })).toBeAttached();
      expect(await serious(page)).toEqual([]);
    });
  }
}

async function serious(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const found = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
}

test("axe finds nothing serious where there is something to see", async ({ page, open }) => {
  await page.emulateMedia({ reducedMotion: "reduce" });
  await open("/write");
  await page.getByLabel("Your message").fill("My name is Ana, and I love the sea.");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("button", { name: "Copy this reply" })).toBeVisible();
  await page.getByRole("button", { name: /^Behind the words/ }).click();
  expect(await serious(page)).toEqual([]);
  await page.getByRole("link", { name: "Speak" }).click();
  await expect(page.locator(".hers")).toBeVisible();
  expect(await serious(page)).toEqual([]);
  await page.getByRole("link", { name: "Memory" }).click();
  const correct = page.getByRole("button", { name: /^Correct/ }).first();
  // It is kept after the reply was sent; the view is opened again until then.
  await expect(async () => {
    await page.reload();
    await expect(correct).toBeVisible({ timeout: 2_000 });
  }).toPass();
  await correct.click();
  expect(await serious(page)).toEqual([]);
  await page.getByRole("button", { name: "Forget everything" }).first().click();
  await expect(page.getByRole("dialog")).toBeVisible();
  expect(await serious(page)).toEqual([]);
  await page.getByRole("button", { name: "Keep" }).click();
  await page.getByRole("link", { name: "Past" }).click();
  await page.getByRole("button", { name: /^Rename/ }).first().click();
  expect(await serious(page)).toEqual([]);
});

test("less motion: the presence doesn’t move of itself", async ({ page, open }) => {
  const moves = async () => {
    await open("/");
    const presence = page.locator(".presence");
    await expect(presence).toBeVisible();
    const before = await presence.screenshot();
    await page.evaluate(async () => {
      for (let frame = 0; frame < 20; frame++) await new Promise((resolve) => requestAnimationFrame(resolve));
    });
    return !before.equals(await presence.screenshot());
  };
  expect(await moves()).toBe(true);
  await page.emulateMedia({ reducedMotion: "reduce" });
  expect(await moves()).toBe(false);
});

test("nothing is cut off on a small phone", async ({ page, open }) => {
  await page.setViewportSize({ width: 320, height: 640 });
  for (const view of VIEWS) {
    await open(view);
    await expect(page.getByRole("heading", { level: 1 })).toBeAttached();
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(over, view).toBeLessThanOrEqual(0);
  }
});

test("the script of the first load is small", async ({ page, open }) => {
  test.skip(Boolean(process.env.ROSE_URL), "another server may not compress");
  await open("/");
  await expect(page.getByRole("button", { name: "Hold to speak" })).toBeVisible();
  const bytes = await page.evaluate(() =>
    (performance.getEntriesByType("resource") as PerformanceResourceTiming[])
      .filter(({ name }) => name.endsWith(".js"))
      .reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0),
  );
  expect(bytes).toBeGreaterThan(10_000);
  expect(bytes).toBeLessThan(MOST_SCRIPT_BYTES);
});

test("after the first load, the page opens without a network", async ({ page, open, context }) => {
  await open("/");
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
  await context.setOffline(true);
  await page.reload();
  await expect(page.getByRole("button", { name: "Hold to speak" })).toBeVisible();
  await context.setOffline(false);
});

test("who else gets what is said is named, those who only stand in too", async ({ page, open }) => {
  await page.addInitScript(() => localStorage.removeItem("rose.settings"));
  const service = (...names: string[]) => ({ backend: names[0], model: "any", ready: true, backends: names.map((backend) => ({ backend, model: "any" })) });
  const health = { status: "ready", version: "0", fake: false, services: { llm: service("local", "groq"), text_to_speech: service("elevenlabs"), store: service("sqlite") } };
  await open("/");
  await expect(page.getByText("What you say stays on the machine that runs Rose. Rose is a companion, not a clinician.")).toBeVisible();
  await page.route("**/api/health", (route) => route.fulfill({ json: health }));
  await open("/");
  await expect(page.getByText("What you say is also sent to Groq and ElevenLabs.", { exact: false })).toBeVisible();
});

test("a chosen voice, pace and language are asked for, in speech and in writing", async ({ page, open }) => {
  await page.route("**/api/capabilities", async (route) => {
    const answer = await route.fetch();
    const offered = (await answer.json()) as { voices: { name: string; language?: string }[] };
    await route.fulfill({ json: { ...offered, voices: [...offered.voices, { name: "another", language: "fr-FR" }], languages: ["en", "de"] } });
  });
  // What goes over the live connection.
  const told: string[] = [];
  await page.routeWebSocket(/\/v1\/realtime/, (socket) => {
    const server = socket.connectToServer();
    socket.onMessage((message) => {
      told.push(message.toString());
      server.send(message);
    });
  });
  await open("/settings");
  // By its label: a closed list's groups have no role to be found by.
  await expect(page.locator('optgroup[label="French (France)"] option', { hasText: "another" })).toBeAttached();
  await page.getByLabel("Voice").selectOption("another");
  await page.getByLabel("Language").selectOption("German");
  await page.getByRole("slider", { name: "Speaking rate" }).press("ArrowRight");
  await page.getByRole("link", { name: "Write" }).click();
  await page.getByLabel("Your message").fill("Good evening.");
  const [asked] = await Promise.all([page.waitForRequest("**/api/chat"), page.keyboard.press("Enter")]);
  expect(asked.postDataJSON()).toMatchObject({ voice: "another", speed: 1.05 });
  // This server doesn't have it, and says so.
  await expect(page.getByText("There is no voice of that name", { exact: false })).toBeVisible();
  await page.getByRole("link", { name: "Speak" }).click();
  await page.getByRole("button", { name: "Hands-free" }).click();
  await expect.poll(() => told.find((one) => one.includes("session.update"))).toContain('"language":"de"');
  expect(told.find((one) => one.includes("session.update"))).toContain('"voice":"another","speed":1.05');
});

test("a voice can be heard before it is chosen for good", async ({ page, open }) => {
  await open("/settings");
  const hear = page.getByRole("button", { name: "Hear it" });
  const [asked] = await Promise.all([page.waitForRequest("**/v1/audio/speech"), hear.click()]);
  expect((asked.postDataJSON() as { input: string }).input).toContain("I am Rose");
  await expect.poll(() => loudest(page)).toBeGreaterThan(0.05);
  // It ends by itself, or at a press.
  await expect(hear).toBeVisible();
  await page.route("**/v1/audio/speech", (route) => route.fulfill({ status: 503, json: { error: { code: "busy", message: "The voice is busy.", request_id: "1" } } }));
  await hear.click();
  await expect(page.getByRole("status").filter({ hasText: "The voice is busy." })).toBeVisible();
});

/** As on a device that Rose was never used on. */
const stranger = (page: Page) => page.addInitScript(() => localStorage.removeItem("rose.settings"));

/** By their level; a heading is at most one level below the one before it. */
async function headings(page: Page): Promise<number[]> {
  return page.getByRole("heading").evaluateAll((all) => all.map(({ tagName }) => Number(tagName.slice(1))));
}

for (const [screen, size] of Object.entries(SCREENS)) {
  test(`axe finds nothing serious where care is shown, ${screen}`, async ({ page, open }) => {
    await page.setViewportSize(size);
    await page.emulateMedia({ reducedMotion: "reduce" });
    const person = await new Person().serve(page);
    person.mine.country = "GB";
    await stranger(page);
    await open("/");
    await expect(page.getByText(CARE.disclosure)).toBeVisible();
    expect(await serious(page)).toEqual([]);
    await page.getByRole("link", { name: "Whom to call in danger" }).click();
    await expect(page.getByRole("link", { name: "116 123, Samaritans" })).toBeVisible();
    expect(await serious(page)).toEqual([]);
    expect(await headings(page)).toEqual([1, 2, 2, 2, 2, 2]);
    await page.getByRole("link", { name: "Settings" }).first().click();
    await expect(page.getByLabel("Where you are")).toHaveValue("GB");
    expect(await serious(page)).toEqual([]);
    const levels = await headings(page);
    expect(levels[0]).toBe(1);
    expect(levels.slice(1).every((level) => level === 2)).toBe(true);
    await page.getByRole("button", { name: "Delete everything" }).click();
    await expect(page.getByRole("dialog", { name: "Delete everything?" })).toBeVisible();
    expect(await serious(page)).toEqual([]);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(over).toBeLessThanOrEqual(0);
  });
}

test.describe("in Lisbon", () => {
  test.use({ timezoneId: "Europe/Lisbon" });

  test("what Rose is and isn’t is said first, and accepting it is kept by the server", async ({ page, open }) => {
    const person = await new Person().serve(page);
    await stranger(page);
    await open("/");
    await expect(page.getByText(CARE.disclosure)).toBeVisible();
    await expect(page.getByText("no emergency service", { exact: false })).toBeVisible();
    await expect(page.getByText("not made for people in need", { exact: false })).toBeVisible();
    await expect.poll(() => person.mine.time_zone).toBe("Europe/Lisbon");
    expect(person.mine.accepted).toBeNull();
    await page.getByRole("button", { name: "I understand" }).click();
    await expect(page.getByText("I’m here.")).toBeVisible();
    await expect.poll(() => person.mine.accepted?.version).toBe(TEXT_VERSION);
    // Another device, or a browser that keeps nothing.
    await page.reload();
    await expect(page.getByText("I’m here.")).toBeVisible();
    await expect(page.getByRole("button", { name: "I understand" })).toBeHidden();
    expect(person.changes).toEqual([{ time_zone: "Europe/Lisbon" }, { accepted_version: TEXT_VERSION }]);
  });

  test("numbers are there before anything is accepted, of the time zone’s country first", async ({ page, open }) => {
    await new Person().serve(page, { layers: ["patterns", "probe"], for_people_in_need: true });
    await stranger(page);
    await open("/safety");
    await expect(page).toHaveTitle("Safety · Rose");
    await expect(page.getByRole("list", { name: "Helplines in Portugal" })).toContainText("SOS Voz Amiga");
    await expect(page.getByRole("link", { name: "213 544 545, SOS Voz Amiga" })).toHaveAttribute("href", "tel:213544545");
    await expect(page.getByText("not made for people in need", { exact: false })).toBeHidden();
    await expect(page.getByText("The model on this machine is asked whether someone is in danger.")).toBeVisible();
    await page.getByLabel("Country").selectOption("United Kingdom");
    await expect(page.getByRole("link", { name: "999" })).toHaveAttribute("href", "tel:999");
    await expect(page.getByRole("link", { name: "116 123, Samaritans" })).toHaveAttribute("href", "tel:116123");
    await page.getByLabel("Country").selectOption("Another");
    await expect(page.getByRole("link", { name: "findahelpline.com" })).toHaveAttribute("href", "https://findahelpline.com");
  });
});

test("whoever accepted an older text is asked again", async ({ page, open }) => {
  const person = await new Person().serve(page, { for_people_in_need: true });
  person.mine.accepted = { version: "2025-01-01", at: "2025-01-01T00:00:00Z" };
  await page.addInitScript(() => localStorage.setItem("rose.settings", JSON.stringify({ accepted: "2025-01-01" })));
  await open("/");
  await expect(page.getByRole("button", { name: "I understand" })).toBeVisible();
  await expect(page.getByText("not made for people in need", { exact: false })).toBeHidden();
});

test("a server that can’t keep it keeps nobody from talking, and is told at the next load", async ({ page, open }) => {
  const person = await new Person().serve(page);
  person.writable = false;
  await stranger(page);
  await open("/");
  await page.getByRole("button", { name: "I understand" }).click();
  await expect(page.getByText("I’m here.")).toBeVisible();
  await expect(page.getByRole("alert")).toHaveCount(0);
  person.writable = true;
  // As the browser kept it.
  await page.addInitScript((accepted) => localStorage.setItem("rose.settings", JSON.stringify({ accepted })), TEXT_VERSION);
  await page.reload();
  await expect.poll(() => person.mine.accepted?.version).toBe(TEXT_VERSION);
});

test("numbers are there where the server tells none", async ({ page, open }) => {
  await page.route("**/api/care", (route) => route.abort());
  await page.route("**/api/me", (route) => route.abort());
  await open("/safety");
  await expect(page.getByRole("link", { name: "112" })).toHaveAttribute("href", "tel:112");
  await expect(page.getByRole("link", { name: "findahelpline.com" })).toBeVisible();
});

test("where one is and how old is kept by the server, and decides whom to call", async ({ page, open }) => {
  const person = await new Person().serve(page);
  await open("/settings");
  const country = page.getByLabel("Where you are");
  await expect(country).toHaveValue("");
  await expect(country.locator("option").first()).toHaveText("Not said");
  await expect(country).toHaveAccessibleDescription(/Whose helplines/);
  await country.selectOption("United Kingdom");
  await expect.poll(() => person.mine.country).toBe("GB");
  const minor = page.getByRole("switch", { name: "I am under 18" });
  await minor.focus();
  await page.keyboard.press("Space");
  await expect(minor).toBeChecked();
  await expect.poll(() => person.mine.minor).toBe(true);
  await page.getByRole("link", { name: "Whom to call" }).click();
  await expect(page.getByRole("list", { name: "Helplines in the United Kingdom" }).getByRole("listitem").first()).toContainText("Childline");
  await page.goBack();
  await country.selectOption("Not said");
  await expect.poll(() => person.mine.country).toBeNull();
  person.writable = false;
  await minor.click();
  await expect(page.getByRole("alert")).toHaveText("The server is busy.");
  await expect(minor).toBeChecked();
});

test("everything that is mine can be taken away, and deleted", async ({ page, open }) => {
  const person = await new Person().serve(page);
  person.mine.country = "GB";
  await page.route("**/api/me/export", (route) =>
    route.fulfill({ contentType: "application/zip", headers: { "content-disposition": 'attachment; filename="rose-export.zip"' }, body: "PK" }),
  );
  await open("/settings");
  const taken = page.waitForEvent("download");
  await page.getByRole("link", { name: "Export" }).click();
  expect((await taken).suggestedFilename()).toBe("rose-export.zip");

  await page.getByRole("radio", { name: "Dark" }).click();
  const remove = page.getByRole("button", { name: "Delete everything" });
  await remove.first().click();
  await page.getByRole("button", { name: "Keep" }).click();
  expect(person.deleted).toBe(false);
  await expect(remove.first()).toBeFocused();

  person.writable = false;
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").getByRole("button", { name: "Delete everything" }).click();
  await expect(page.getByRole("alert")).toHaveText("The server is busy.");
  person.writable = true;

  await remove.first().focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog")).toContainText("what Rose remembers");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  const words = page.getByText("Everything is deleted.", { exact: false });
  await expect(words).toContainText("December 4, 2026");
  await expect(words).toBeFocused();
  await expect(page.getByRole("button", { name: "I understand" })).toBeVisible();
  expect(person.deleted).toBe(true);
  expect(await page.evaluate(() => Object.keys(localStorage))).toEqual([]);
  await expect(page.locator("html")).not.toHaveAttribute("data-theme");
  expect(await serious(page)).toEqual([]);
});
