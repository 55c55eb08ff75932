/** Chromium with a recording for a microphone. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export const speech = here("../../../tests/fixtures/speech/jfk.wav");

/** Time for Rose to answer before the recording comes round, also on a busy machine. */
const PAUSE_SECONDS = 20;

export const browser = (recording: string) => ({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    `--use-file-for-fake-audio-capture=${recording}`,
    "--no-sandbox",
  ],
});

/** Without a pause nobody would ever have finished speaking. Returns the file's path. */
export function speechWithPause(): string {
  const bytes = readFileSync(speech);
  const data = bytes.indexOf("data", 12, "latin1");
  const pause = Buffer.alloc(PAUSE_SECONDS * bytes.readUInt32LE(28));
  const longer = Buffer.concat([bytes, pause]);
  longer.writeUInt32LE(longer.length - 8, 4);
  longer.writeUInt32LE(longer.length - data - 8, data + 4);
  const path = here("../../test-results/speech-with-pause.wav");
  mkdirSync(here("../../test-results"), { recursive: true });
  writeFileSync(path, longer);
  return path;
}
