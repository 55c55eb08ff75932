/** What this server can do, and how replies are to be spoken: as chosen, as far as this server has it. */
import { useQuery } from "@tanstack/react-query";

import { settings } from "../settings/settings";
import { api, ask, type Schemas } from "./client";
import { limits } from "./limits";

export type Capabilities = Schemas["Capabilities"];

export interface Delivery {
  voice?: string;
  speed?: number;
}

let known: Promise<Capabilities> | null = null;

export function capabilities(): Promise<Capabilities> {
  const asked = (known ??= ask(api.GET("/api/capabilities")));
  asked.catch(() => forgetCapabilities());
  return asked;
}

/** A server that was started anew may have other voices. */
export function forgetCapabilities(): void {
  known = null;
}

export function useCapabilities() {
  return useQuery({ queryKey: ["capabilities"], queryFn: capabilities });
}

/** What the person speaks, as far as this server may be told. */
export async function spokenLanguage(): Promise<string | undefined> {
  const { language } = settings();
  if (!language) return undefined;
  const offered = await capabilities().catch(() => null);
  return offered?.languages.find((one) => one === language);
}

/** Where the server can't be asked, its own manner. */
export async function delivery(): Promise<Delivery> {
  const offered = await capabilities().catch(() => null);
  if (!offered) return {};
  const { voice, rate } = settings();
  const { minimum, maximum } = limits.ChatRequest.speed;
  return {
    voice: (offered.voices.find(({ name }) => name === voice) ?? offered.voices[0])?.name,
    speed: Math.min(maximum, Math.max(minimum, rate * offered.speed)),
  };
}
