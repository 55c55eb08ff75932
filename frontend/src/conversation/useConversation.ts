import { useSyncExternalStore } from "react";

import { Conversation } from "./conversation";
import type { Snapshot } from "./state";

export const conversation = new Conversation();

export function useConversation(): Snapshot {
  return useSyncExternalStore(conversation.subscribe, conversation.snapshot);
}
