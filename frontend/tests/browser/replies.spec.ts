/** What can be done with a reply and with pictures. On stand-ins without a model, so that what Rose says is known. */
import type { Page } from "@playwright/test";

import { expect, loudest, test } from "./rose";

test.use({
  settings: {
    ...Object.fromEntries(["LLM", "STT", "TTS", "EMBEDDINGS", "IMAGE"].map((port) => [`ROSE__${port}__BACKENDS`, "fake"])),
    // Slow enough to be stopped, and for the server to go away in the middle.
    ROSE__LLM__FAKE__TOKEN_DELAY_MS: "100",
  },
});

const hers = (page: Page) => page.getByRole("article", { name: "Rose" });
const mine = (page: Page) => page.getByRole("article", { name: "You" });

async function write(page: Page, text: string) {
  await page.getByLabel("Your message").fill(text);
  await page.getByRole("button", { name: "Send", exact: true }).click();
}

/** A picture of one colour, `name` its file's. */
async function attach(page: Page, name: string) {
  const data = await page.evaluate(async () => {
    const canvas = new OffscreenCanvas(64, 48);
    canvas.getContext("2d")?.fillRect(0, 0, 64, 48);
    return [...new Uint8Array(await (await canvas.convertToBlob({ type: "image/png" })).arrayBuffer())];
  });
  await page.locator("input[type=file]").setInputFiles({ name, mimeType: "image/png", buffer: Buffer.from(data) });
}

/** It is there, and it can be seen. */
async function isSeen(page: Page, alt: string | RegExp) {
  const picture = page.getByRole("article").getByRole("img", { name: alt });
  await expect(picture).toHaveCount(1);
  await expect.poll(() => picture.evaluate((one: HTMLImageElement) => one.naturalWidth)).toBeGreaterThan(0);
}

test("a reply is copied, and a refusal to copy is told", async ({ page, open }) => {
  await open("/write");
  await write(page, "Good evening.");
  await page.getByRole("button", { name: "Copy this reply" }).click();
  await expect(page.getByText("Copied")).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(await hers(page).locator(".words").textContent());

  await page.evaluate(() => {
    navigator.clipboard.writeText = () => Promise.reject(new DOMException("no", "NotAllowedError"));
  });
  await page.getByRole("button", { name: "Copy this reply" }).click();
  await expect(page.getByText("This browser doesn’t allow copying here")).toBeVisible();
});

test("a reply is stopped, and answered again", async ({ page, open }) => {
  await open("/write");
  await write(page, "One two three four five. Six seven eight nine ten eleven twelve.");
  await expect(hers(page).locator(".words")).toHaveText(/You said/);
  await page.getByRole("button", { name: "Stop Rose" }).click();
  await expect(page.getByText("Stopped here")).toBeVisible();
  await page.getByRole("button", { name: "Answer again" }).click();
  await expect(hers(page).locator(".words")).toHaveText(/twelve/);
  await expect(page.getByText("Stopped here")).toBeHidden();
  await page.reload();
  await expect(hers(page)).toHaveCount(1);
  await expect(mine(page)).toHaveCount(1);
});

test("a message that was stopped before its answer is sent again, once", async ({ page, open }) => {
  await open("/write");
  await page.getByLabel("Your message").fill("Good evening.");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Stop Rose" }).click();
  const again = page.getByRole("button", { name: "Try again" });
  await expect(again).toBeVisible();
  await again.click();
  await expect(hers(page).getByRole("button", { name: "Copy this reply" })).toBeVisible();
  await expect(again).toBeHidden();
  await page.reload();
  await expect(mine(page)).toHaveCount(1);
  await expect(hers(page)).toHaveCount(1);
});

test("a reply of an earlier conversation is heard again", async ({ page, open }) => {
  await open("/write");
  await write(page, "Good evening.");
  await expect(page.getByRole("button", { name: "Copy this reply" })).toBeVisible();
  await page.reload();
  await page.getByRole("button", { name: "Hear this reply again" }).click();
  await expect.poll(() => loudest(page)).toBeGreaterThan(0.02);
  await expect(page.getByRole("button", { name: "Stop Rose" })).toBeHidden();
});

test("a picture is sent, described, and seen large", async ({ page, open }) => {
  await open("/write");
  await attach(page, "harbour.png");
  await expect(page.getByRole("list", { name: "Pictures to send" })).toBeVisible();
  await write(page, "What is this?");
  await expect(hers(page).locator(".words")).toHaveText(/You showed me one picture/);
  await isSeen(page, "harbour.png");

  await page.getByRole("button", { name: "Enlarge: harbour.png" }).click();
  const lightbox = page.getByRole("dialog", { name: "harbour.png" });
  await expect(lightbox.getByRole("img", { name: "harbour.png" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(lightbox).toBeHidden();
  await expect(page.getByRole("button", { name: "Enlarge: harbour.png" })).toBeFocused();
  await page.reload();
  await isSeen(page, "Picture 1 that you sent");
});

test("a picture whose answer was cut off by a crash is answered once, and not lost", async ({ page, open, rose }) => {
  test.skip(Boolean(process.env.ROSE_URL), "this server is not ours to end");
  await open("/write");
  await attach(page, "harbour.png");
  await write(page, "One two three four five six seven eight nine ten.");
  await expect(page.getByRole("button", { name: "Stop Rose" })).toBeVisible();
  await rose.kill();
  await expect(page.getByText("Rose can’t be reached.", { exact: false })).toBeVisible();
  await rose.start();
  await expect(page.getByText("Rose can’t be reached.", { exact: false })).toBeHidden();
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(hers(page).locator(".words")).toHaveText(/You showed me one picture/);
  await page.reload();
  await expect(mine(page)).toHaveCount(1);
  await expect(hers(page)).toHaveCount(1);
  await isSeen(page, "Picture 1 that you sent");
});

test("a picture that was wished for is painted, and has words for those who can’t see it", async ({ page, open }) => {
  await open("/write");
  await write(page, "Please draw me a picture of a lighthouse.");
  await isSeen(page, /^Picture that Rose made: /);
  await page.getByRole("button", { name: /^Enlarge: Picture that Rose made/ }).click();
  await expect(page.getByRole("dialog", { name: /^Picture that Rose made/ }).getByRole("img")).toBeVisible();
  await page.getByRole("button", { name: "Close" }).click();
  await expect(page.getByRole("dialog")).toBeHidden();
});
