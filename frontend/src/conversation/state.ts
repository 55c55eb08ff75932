/** What the page knows of the conversation, and the one way to change it: whoever looks is told. */
import type { Entry, LastTurn } from "./entries";

export type Phase = "resting" | "listening" | "thinking" | "speaking";

export interface Snapshot {
  sessionId: string | null;
  entries: Entry[];
  phase: Phase;
  /** Push to talk is held, or hands-free listens. */
  capturing: "no" | "held" | "hands-free";
  /** A plain sentence about what is wrong or what to do. */
  notice: string | null;
  reachable: boolean;
  lastTurn: LastTurn | null;
}

export class ConversationState {
  private readonly listeners = new Set<() => void>();
  private current: Snapshot;

  constructor(sessionId: string | null) {
    this.current = { sessionId, entries: [], phase: "resting", capturing: "no", notice: null, reachable: true, lastTurn: null };
  }

  readonly subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = () => this.current;

  set(part: Partial<Snapshot>): void {
    this.current = { ...this.current, ...part };
    this.listeners.forEach((listener) => listener());
  }

  entry(key: string | null): Entry | undefined {
    return this.current.entries.find((one) => one.key === key);
  }

  add(...entries: Entry[]): void {
    this.set({ entries: [...this.current.entries, ...entries] });
  }

  /** Before the entry `behind`; at the end where there is none. */
  insert(one: Entry, behind: string | null): void {
    const at = this.current.entries.findIndex(({ key }) => key === behind);
    const entries = [...this.current.entries];
    entries.splice(at < 0 ? entries.length : at, 0, one);
    this.set({ entries });
  }

  patch(key: string, part: Partial<Entry>): void {
    this.set({ entries: this.current.entries.map((one) => (one.key === key ? { ...one, ...part } : one)) });
  }

  extend(key: string, text: string): void {
    this.set({ entries: this.current.entries.map((one) => (one.key === key ? { ...one, text: one.text + text } : one)) });
  }

  drop(...keys: string[]): void {
    this.set({ entries: this.current.entries.filter(({ key }) => !keys.includes(key)) });
  }
}
