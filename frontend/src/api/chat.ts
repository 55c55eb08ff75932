/** A message in, the reply as it comes. */
import { createParser } from "eventsource-parser";

import { away, type ChatEvent, errorFrom, type Schemas } from "./client";

/**
 * Ends after `done`; throws a `RoseError` where the server refuses, or goes away before the end.
 */
export async function* chat(request: Schemas["ChatRequest"], signal: AbortSignal): AsyncGenerator<ChatEvent> {
  const response = await fetch("/api/chat", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(request),
    signal,
  }).catch((error: unknown) => {
    throw signal.aborted ? error : away();
  });
  if (!response.ok || !response.body) throw errorFrom(await response.json().catch(() => null));

  const arrived: ChatEvent[] = [];
  const parser = createParser({ onEvent: (event) => arrived.push(JSON.parse(event.data) as ChatEvent) });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read().catch((error: unknown) => {
      throw signal.aborted ? error : away();
    });
    if (value) parser.feed(value);
    for (const event of arrived.splice(0)) {
      if (event.type === "error") throw errorFrom(event);
      yield event;
      if (event.type === "done") return;
    }
    if (done) throw away();
  }
}
