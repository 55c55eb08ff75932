/** The typed client of Rose's API; its types are generated from docs/openapi.json (`npm run types`). */
import createClient from "openapi-fetch";

import type { components, paths } from "./schema";

export type Schemas = components["schemas"];
export type ChatEvent = Schemas["ChatEvent"];
export type StageReport = Schemas["StageReport"];
export type UsedMemory = Schemas["UsedMemory"];
export type MemoryEntry = Schemas["MemoryEntry"];
export type SessionSummary = Schemas["SessionSummary"];
export type Message = Schemas["Message"];
export type VoiceReply = Schemas["VoiceReply"];

export const api = createClient<paths>({ baseUrl: location.origin, fetch: (request) => fetch(request) });

/** A refusal with words fit to be shown, or a server that can't be reached (`code: "away"`). */
export class RoseError extends Error {
  constructor(
    readonly code: Schemas["ErrorCode"] | "away",
    message: string,
  ) {
    super(message);
  }
}

export const away = () => new RoseError("away", "Rose can’t be reached right now.");

export function errorFrom(body: unknown): RoseError {
  const error = (body as Partial<Schemas["ErrorEnvelope"]> | null)?.error;
  return error ? new RoseError(error.code, error.message) : away();
}

/** The data of an answer, or a `RoseError`. */
export async function ask<T>(request: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await request.catch(() => {
    throw away();
  });
  if (error !== undefined || !response.ok) throw errorFrom(error);
  return data as T;
}
