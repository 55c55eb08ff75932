import { defineConfig } from "@playwright/test";

import { browser, speech } from "./tests/browser/microphone";

export default defineConfig({
  testDir: "tests/browser",
  // One server with real models on the machine's few cores.
  workers: 1,
  timeout: 180_000,
  expect: { timeout: 60_000 },
  reporter: "list",
  use: { permissions: ["microphone", "clipboard-read", "clipboard-write"], launchOptions: browser(speech) },
});
