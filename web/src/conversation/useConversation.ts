import { useSyncExternalStore } from "react";

import { Conversation, type Snapshot } from "./conversation";

export const conversation = new Conversation();

export function useConversation(): Snapshot {
  return useSyncExternalStore(conversation.subscribe, conversation.snapshot);
}
