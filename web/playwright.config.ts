import { fileURLToPath } from "node:url";

import { defineConfig } from "@playwright/test";

const speech = fileURLToPath(new URL("../tests/fixtures/speech/jfk.wav", import.meta.url));

export default defineConfig({
  testDir: "tests/browser",
  // One server with real models on the machine's few cores.
  workers: 1,
  timeout: 180_000,
  expect: { timeout: 60_000 },
  reporter: "list",
  use: {
    permissions: ["microphone", "clipboard-read", "clipboard-write"],
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        `--use-file-for-fake-audio-capture=${speech}`,
        "--no-sandbox",
      ],
    },
  },
});
