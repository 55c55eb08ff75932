/** What is a person's own, and what watches over people here. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { api, ask, type Schemas } from "./client";

export type Me = Schemas["Me"];
export type MeChange = Schemas["MeChange"];
export type Care = Schemas["CareFacts"];
export type Country = Schemas["CountryFacts"];
export type Helpline = Schemas["LineFacts"];

export const ME = ["me"];
export const EXPORT_ADDRESS = "/api/me/export";

export const me = () => ask(api.GET("/api/me"));
export const changeMe = (change: MeChange) => ask(api.PATCH("/api/me", { body: change }));
export const deleteMe = () => ask(api.DELETE("/api/me"));

export function useMe() {
  return useQuery({ queryKey: ME, queryFn: me });
}

export function useChangeMe() {
  const client = useQueryClient();
  return useMutation({ mutationFn: changeMe, onSuccess: (mine) => client.setQueryData(ME, mine) });
}

export function useCare() {
  return useQuery({ queryKey: ["care"], queryFn: () => ask(api.GET("/api/care")) });
}
