/** A picture painted in the server's own process, by a tiny model whose pictures mean nothing. */
import { expect, test } from "./rose";

test.use({
  settings: {
    ...Object.fromEntries(["LLM", "STT", "TTS", "EMBEDDINGS"].map((port) => [`ROSE__${port}__BACKENDS`, "fake"])),
    ROSE__IMAGE__BACKENDS: "local",
    ROSE__IMAGE__LOCAL__MODEL: "tests/fixtures/image/turbo",
    // Some seconds each: this model makes a picture only half as wide while it works, where real ones make it an eighth.
    ROSE__IMAGE__LOCAL__STEPS: "3",
    ROSE__IMAGE__WIDTH: "256",
    ROSE__IMAGE__HEIGHT: "256",
  },
});

test("how far a picture is is shown, then the picture", async ({ page, open }) => {
  await open("/write");
  await page.getByLabel("Your message").fill("Please draw me a picture of a lighthouse.");
  await page.getByRole("button", { name: "Send", exact: true }).click();
  const bar = page.getByRole("progressbar", { name: "Painting" });
  await expect.poll(() => bar.evaluate((one: HTMLProgressElement) => one.value / one.max)).toBeGreaterThan(0.1);
  if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/painting.png` });
  const picture = page.getByRole("article").getByRole("img", { name: /^Picture that Rose made: / });
  await expect.poll(() => picture.evaluate((one: HTMLImageElement) => one.naturalWidth)).toBe(256);
  await expect(bar).toBeHidden();
});
