/** What has been said, as the page shows it. */
import type { Message, StageReport, UsedMemory } from "../api/client";

export interface Picture {
  src: string;
  alt: string;
}

export interface Painting {
  step: number;
  steps: number;
}

export interface Entry {
  key: string;
  role: "user" | "rose";
  text: string;
  pictures: Picture[];
  /** How far the picture is that is being painted: steps done, of how many. */
  painting?: Painting;
  /** Still being said. */
  open: boolean;
  interrupted: boolean;
  memories: UsedMemory[];
  /** The sound of it as it was heard, while this page is open. */
  sound: Blob[];
  /** As the server calls it; unknown until it says so. */
  turnId?: string;
  /** What went wrong; the message can be sent again. */
  failure?: string;
  /** What was said and never heard by the server. */
  recording?: Blob;
}

export interface LastTurn {
  stages: StageReport[];
  durationMs: number;
}

export const UNANSWERED = "Rose went away before she could answer.";

let made = 0;

export function entry(role: Entry["role"], part: Partial<Entry> = {}): Entry {
  made += 1;
  return {
    key: `entry-${made}`,
    role,
    text: "",
    pictures: [],
    open: false,
    interrupted: false,
    memories: [],
    sound: [],
    ...part,
  };
}

function fromMessage(message: Message): Entry {
  const mine = message.role === "user";
  return entry(mine ? "user" : "rose", {
    text: message.text,
    turnId: message.turn_id,
    interrupted: message.interrupted,
    pictures: (message.images ?? []).map((id, at) => ({
      src: `/api/images/${id}`,
      alt: mine ? `Picture ${at + 1} that you sent` : `Picture that Rose made: ${message.text}`,
    })),
  });
}

/**
 * The server's history, with what only this page knows (sound, memories used) put back beside it, and after it the
 * messages that the server never got. A turn is known by its id; what has none yet, or lost it to a retry, by its words, the
 * newest first. Nothing may be in flight: a message of the person's at the end has no answer coming.
 */
export function reconciled(history: Message[], shown: Entry[]): Entry[] {
  const merged = history.filter((message) => message.role !== "system").map(fromMessage);
  const unused = [...shown];
  const pairings: ((server: Entry, page: Entry) => boolean)[] = [
    (server, page) => page.turnId === server.turnId,
    (server, page) => page.text === server.text,
    // It was heard after all; what of, only the server knows.
    (_, page) => page.recording !== undefined && page.text === "",
  ];
  const paired = new Set<Entry>();
  for (const same of pairings) {
    for (let at = merged.length - 1; at >= 0; at--) {
      const server = merged[at];
      if (!server || paired.has(server)) continue;
      const page = unused.findLastIndex((other) => other.role === server.role && same(server, other));
      if (page < 0) continue;
      const [known] = unused.splice(page, 1);
      if (!known) continue;
      const whole = { ...server, key: known.key, sound: known.sound, memories: known.memories };
      merged[at] = whole;
      paired.add(whole);
    }
  }
  const newest = shown.findLast(({ role }) => role === "user");
  const lost = unused
    .filter((one) => one.role === "user" && (one.text !== "" || one.recording) && (!one.turnId || one === newest))
    .map((one) => ({ ...one, open: false, turnId: undefined, failure: one.failure ?? UNANSWERED }));
  const last = merged.at(-1);
  if (last?.role === "user") merged[merged.length - 1] = { ...last, failure: UNANSWERED };
  return [...merged, ...lost];
}
