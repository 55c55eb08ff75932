/** What has been said, as the page shows it. */
import type { Message, StageReport, UsedMemory } from "../api/client";

export interface Picture {
  src: string;
  alt: string;
}

export interface Entry {
  key: string;
  role: "user" | "rose";
  text: string;
  pictures: Picture[];
  /** Still being said. */
  open: boolean;
  interrupted: boolean;
  memories: UsedMemory[];
  /** The sound of it, while this page is open. */
  sound: Blob[];
  /** What went wrong; the message can be sent again. */
  failure?: string;
}

export interface LastTurn {
  stages: StageReport[];
  durationMs: number;
}

const UNANSWERED = "Rose went away before she could answer.";

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
    interrupted: message.interrupted,
    pictures: (message.images ?? []).map((id, at) => ({
      src: `/api/images/${id}`,
      alt: mine ? `Picture ${at + 1} that you sent` : `Picture that Rose made: ${message.text}`,
    })),
  });
}

/**
 * The server's history, with what only this page knows (sound, memories used) put back beside it, and after it the
 * message that the server never got. Nothing may be in flight: a message of the person's at the end has no answer coming.
 */
export function reconciled(history: Message[], shown: Entry[]): Entry[] {
  const fresh = history.filter((message) => message.role !== "system").map(fromMessage);
  const unused = [...shown];
  const merged = fresh.map((one) => {
    const at = unused.findIndex((other) => other.role === one.role && other.text === one.text);
    const known = at < 0 ? undefined : unused.splice(at, 1)[0];
    return known ? { ...one, key: known.key, sound: known.sound, memories: known.memories } : one;
  });
  const lastSaid = shown.findLast((other) => other.role === "user");
  const lost = lastSaid && unused.includes(lastSaid) && lastSaid.text !== "";
  if (lost) return [...merged, { ...lastSaid, failure: UNANSWERED }];
  const last = merged.at(-1);
  return last?.role === "user" ? [...merged.slice(0, -1), { ...last, failure: UNANSWERED }] : merged;
}
