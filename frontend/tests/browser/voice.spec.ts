/** Speaking with Rose, a recording as the microphone: "… ask not what your country can do for you …". */
import { expect, inState, loudest, speakFor, test } from "./rose";

test("press, speak, release: her words come, and her voice is heard", async ({ page, open }) => {
  await open("/");
  const button = page.getByRole("button", { name: "Hold to speak" });
  await button.hover();
  await page.mouse.down();
  await inState(page, "Listening");
  await speakFor(page, 5);
  await page.mouse.up();
  const captions = page.getByRole("region", { name: "What is being said" });
  await expect(captions).toContainText(/fellow|americans|country|ask/i);
  await inState(page, "Speaking");
  await expect(captions.locator(".hers")).toHaveText(/Rose: \w+/);
  await expect.poll(() => loudest(page)).toBeGreaterThan(0.02);
  await inState(page, "Resting");
  await expect(page.getByRole("region", { name: "Behind the words" })).toBeVisible();
});

test("without a WebSocket, a recording is sent whole and answered aloud", async ({ page, open }) => {
  await page.addInitScript(() => {
    window.WebSocket = class {
      constructor() {
        throw new DOMException("refused", "SecurityError");
      }
    } as unknown as typeof WebSocket;
  });
  await open("/");
  await page.getByRole("button", { name: "Hold to speak" }).hover();
  await page.mouse.down();
  await inState(page, "Listening");
  await speakFor(page, 5);
  await page.mouse.up();
  await inState(page, "Speaking");
  await expect.poll(() => loudest(page)).toBeGreaterThan(0.02);
  await page.getByRole("button", { name: "Stop Rose" }).click();
  await page.getByRole("button", { name: "Hands-free" }).click();
  await expect(page.getByText("Hands-free needs a live connection", { exact: false })).toBeVisible();
});

test("the browser is asked to keep Rose’s own voice out of the microphone", async ({ page, open }) => {
  await page.addInitScript(() => {
    const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = (asked) => {
      (window as unknown as { asked: unknown }).asked = asked;
      return ask(asked);
    };
  });
  await open("/");
  await page.getByRole("button", { name: "Hold to speak" }).hover();
  await page.mouse.down();
  await inState(page, "Listening");
  await page.mouse.up();
  await expect(page.getByText("Hold while you speak", { exact: false })).toBeVisible();
  expect(await page.evaluate(() => (window as unknown as { asked: unknown }).asked)).toMatchObject({ audio: { echoCancellation: true } });
});

test("a refused microphone is told in a plain sentence, and writing still works", async ({ page, open }) => {
  await page.addInitScript(() => {
    navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("no", "NotAllowedError"));
  });
  await open("/");
  await page.getByRole("button", { name: "Hold to speak" }).hover();
  await page.mouse.down();
  await page.mouse.up();
  await expect(page.getByText(/microphone is not allowed/i)).toBeVisible();
  await page.getByRole("link", { name: "Write" }).click();
  await page.getByLabel("Your message").fill("Good evening.");
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await expect(page.getByRole("article", { name: "Rose" }).locator(".words")).toHaveText(/\w+/);
});
