/** What is a person's own, and what watches over people here. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { away, errorFrom, type Schemas } from "./client";

export type Me = Schemas["Me"];
export type MeChange = Schemas["MeChange"];
export type Care = Schemas["CareFacts"];
export type Country = Schemas["CountryFacts"];
export type Helpline = Schemas["LineFacts"];

async function call<T>(path: string, init?: RequestInit): Promise<T> {
  const response = await fetch(path, init).catch(() => {
    throw away();
  });
  const body: unknown = await response.json().catch(() => null);
  if (!response.ok) throw errorFrom(body);
  return body as T;
}

export const ME = ["me"];
export const EXPORT_ADDRESS = "/api/me/export";

export const me = () => call<Me>("/api/me");
export const changeMe = (change: MeChange) => 
  call<Me>("/api/me", { method: "PATCH", headers: { "content-type": "application/json" }, body: JSON.stringify(change) });
export const deleteMe = () => call<Schemas["Deleted"]>("/api/me", { method: "DELETE" });

export function useMe() {
  return useQuery({ queryKey: ME, queryFn: me });
}

export function useChangeMe() {
  const client = useQueryClient();
  return useMutation({ mutationFn: changeMe, onSuccess: (mine) => client.setQueryData(ME, mine) });
}

export function useCare() {
  return useQuery({ queryKey: ["care"], queryFn: () => call<Care>("/api/care") });
}
