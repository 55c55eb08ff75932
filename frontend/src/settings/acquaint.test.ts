import { QueryClient } from "@tanstack/react-query";
import { beforeEach, expect, test, vi } from "vitest";

import type { Me } from "../api/me";
import { acquaint, untold } from "./acquaint";
import { change, forgetSettings, settings } from "./settings";
import { TEXT_VERSION } from "./textVersion";

const NOBODY: Me = { country: null, time_zone: null, minor: false, accepted: null };
const accepted = (version: string) => ({ ...NOBODY, accepted: { version, at: "2026-11-26T00:00:00Z" } });

/** What the server was told and took. */
let told: unknown[];

/** `null` is a server that can't be reached. */
function server(known: Me | null, refused: string[] = []): void {
  vi.stubGlobal("fetch", async (request: Request) => {
    if (!known) throw new TypeError("failed to fetch");
    if (request.method === "GET") return new Response(JSON.stringify(known));
    const change = (await request.json()) as object;
    if (refused.some((field) => field in change)) return new Response(JSON.stringify({ error: { code: "invalid_request", message: "No.", request_id: "r" } }), { status: 400 });
    told.push(change);
    return new Response(JSON.stringify({ ...known, ...change }));
  });
}

beforeEach(() => {
  localStorage.clear();
  forgetSettings();
  told = [];
  vi.spyOn(Intl.DateTimeFormat.prototype, "resolvedOptions").mockReturnValue({ timeZone: "Europe/Lisbon" } as Intl.ResolvedDateTimeFormatOptions);
});

test("only what the server doesn't have is told, one by one", () => {
  expect(untold(NOBODY, null, "")).toEqual([]);
  expect(untold(NOBODY, "an older one", "")).toEqual([]);
  expect(untold(NOBODY, TEXT_VERSION, "Europe/Lisbon")).toEqual([{ accepted_version: TEXT_VERSION }, { time_zone: "Europe/Lisbon" }]);
  expect(untold({ ...accepted(TEXT_VERSION), time_zone: "Europe/Lisbon" }, TEXT_VERSION, "Europe/Lisbon")).toEqual([]);
  expect(untold(accepted("an older one"), TEXT_VERSION, "")).toEqual([{ accepted_version: TEXT_VERSION }]);
});

test("what was accepted elsewhere is accepted here", async () => {
  server({ ...accepted(TEXT_VERSION), time_zone: "Europe/Lisbon" });
  await acquaint(new QueryClient());
  expect(settings().accepted).toBe(TEXT_VERSION);
  expect(told).toEqual([]);
});

test("an older version is asked for again", async () => {
  server({ ...accepted("an older one"), time_zone: "Europe/Lisbon" });
  await acquaint(new QueryClient());
  expect(settings().accepted).toBeNull();
});

test("what could not be told is told the next time", async () => {
  change({ accepted: TEXT_VERSION });
  server(null);
  await acquaint(new QueryClient());
  expect(settings().accepted).toBe(TEXT_VERSION);
  server(NOBODY, ["time_zone"]);
  await acquaint(new QueryClient());
  expect(told).toEqual([{ accepted_version: TEXT_VERSION }]);
});

test("nothing chosen outlives a deletion", () => {
  change({ theme: "dark", accepted: TEXT_VERSION });
  forgetSettings();
  expect(localStorage.getItem("rose.settings")).toBeNull();
  expect(settings().accepted).toBeNull();
  expect(document.documentElement.dataset.theme).toBeUndefined();
});
