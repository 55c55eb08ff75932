/** Accessibility of each view, in both themes and on a phone; the size of the first load; the app without a network. */
import AxeBuilder from "@axe-core/playwright";

import { expect, test } from "./rose";

const VIEWS = ["/", "/write", "/memories", "/conversations", "/settings"];
const MOST_SCRIPT_BYTES = 150 * 1024;

for (const colorScheme of ["light", "dark"] as const) {
  for (const view of VIEWS) {
    test(`axe finds nothing serious at ${view}, ${colorScheme}`, async ({ page, open }) => {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await open(view);
      await expect(page.getByRole("heading", { level: 1 })).toBeAttached();
      const { violations } = await new AxeBuilder({ page }).analyze();
      const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
      expect(serious.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`)).toEqual([]);
    });
  }
}

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
