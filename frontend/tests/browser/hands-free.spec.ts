/** Speaking with Rose without pressing anything. */
import { readFileSync } from "node:fs";

import { browser, speech, speechWithPause } from "./microphone";
import { expect, inState, loudest, test } from "./rose";

test.use({ launchOptions: browser(speechWithPause()) });

test("hands-free: she hears and answers aloud", async ({ page, open }) => {
  await open("/");
  await page.getByRole("button", { name: "Hands-free" }).click();
  const captions = page.getByRole("region", { name: "What is being said" });
  await expect(captions).toContainText(/fellow|americans|country|ask/i);
  await expect.poll(() => loudest(page), { timeout: 120_000 }).toBeGreaterThan(0.02);
});

test("hands-free: speaking while she speaks stops her", async ({ page, open }) => {
  // A microphone that hears the recording when it is told to, since only then is it sure to speak over her.
  await page.addInitScript((recording) => {
    navigator.mediaDevices.getUserMedia = async () => {
      const context = new AudioContext();
      const microphone = context.createMediaStreamDestination();
      const bytes = Uint8Array.from(atob(recording), (character) => character.charCodeAt(0));
      const buffer = await context.decodeAudioData(bytes.buffer);
      (window as unknown as { speak: () => void }).speak = () => {
        const source = context.createBufferSource();
        source.buffer = buffer;
        source.connect(microphone);
        source.start();
      };
      return microphone.stream;
    };
  }, readFileSync(speech).toString("base64"));
  const speak = () => page.evaluate(() => (window as unknown as { speak: () => void }).speak());

  await open("/");
  await page.getByRole("button", { name: "Hands-free" }).click();
  await page.waitForFunction(() => "speak" in window);
  await speak();
  // A short reply may be over before the microphone is heard: then the next one is spoken over.
  for (let reply = 0; reply < 3; reply++) {
    await inState(page, "Speaking");
    await speak();
    await inState(page, "Listening");
  }
  await page.getByRole("link", { name: "Write" }).click();
  await expect(page.getByText("Stopped here").first()).toBeVisible();
});
