/** What this browser and the server tell each other of the person: what was accepted, and the time zone. */
import type { QueryClient } from "@tanstack/react-query";

import { changeMe, ME, me, type Me, type MeChange } from "../api/me";
import { change, settings } from "./settings";
import { TEXT_VERSION } from "./textVersion";

/** IANA's name; empty where the browser doesn't tell. */
export const timeZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";

/** Never fails: what could not be told is told at the next load, and nobody is kept from talking meanwhile. */
export async function acquaint(queries: QueryClient): Promise<void> {
  try {
    const known = await queries.fetchQuery({ queryKey: ME, queryFn: me });
    if (known.accepted?.version === TEXT_VERSION && settings().accepted !== TEXT_VERSION) change({ accepted: TEXT_VERSION });
    for (const one of untold(known, settings().accepted, timeZone())) {
      await changeMe(one).then((mine) => queries.setQueryData(ME, mine), () => undefined);
    }
  } catch {
    // The server can't be reached, or is starting.
  }
}

/** One change each, so that a time zone which the server doesn't know keeps nothing else from it. */
export function untold(known: Me, accepted: string | null, zone: string): MeChange[] {
  const changes: MeChange[] = [];
  if (accepted === TEXT_VERSION && known.accepted?.version !== TEXT_VERSION) changes.push({ accepted_version: TEXT_VERSION });
  if (zone && known.time_zone !== zone) changes.push({ time_zone: zone });
  return changes;
}
