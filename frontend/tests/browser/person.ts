/** A server that keeps one person's own in the test: what `/api/me` and `/api/care` answer. */
import type { Page } from "@playwright/test";

import type { Care, Me, MeChange } from "../../src/api/me";

const line = (name: string, number: string, ...purposes: string[]) => ({ purposes, name, number, hours: "day and night", languages: ["en"], source: "https://example.org/" });

export const CARE: Care = {
  disclosure: "I’m Rose, an AI companion, not a person, and no doctor.",
  layers: ["patterns"],
  for_people_in_need: false,
  countries: [
    {
      code: "GB",
      name: "the United Kingdom",
      time_zones: ["Europe/London"],
      emergency: "999",
      lines: [line("Samaritans", "116 123", "self_harm"), line("Childline", "0800 1111", "young", "child_at_risk"), line("the NSPCC, for adults worried about a child", "0808 800 5000", "child_at_risk")],
    },
    { code: "PT", name: "Portugal", time_zones: ["Europe/Lisbon"], emergency: "112", lines: [line("SOS Voz Amiga", "213 544 545", "self_harm")] },
  ],
  unknown: { emergency: "112", name: "findahelpline.com" },
};

export const GONE_BY = "2026-12-04T12:00:00Z";

export class Person {
  mine: Me = { country: null, time_zone: null, minor: false, accepted: null };
  readonly changes: MeChange[] = [];
  /** Whether changes are taken; what is asked for is answered either way. */
  writable = true;
  deleted = false;

  async serve(page: Page, care: Partial<Care> = {}): Promise<this> {
    await page.route("**/api/care", (route) => route.fulfill({ json: { ...CARE, ...care } }));
    await page.route("**/api/me", async (route) => {
      const request = route.request();
      const refused = { error: { code: "busy", message: "The server is busy.", request_id: "1" } };
      if (request.method() === "GET") return route.fulfill({ json: this.mine });
      if (!this.writable) return route.fulfill({ status: 503, json: refused });
      if (request.method() === "DELETE") {
        this.deleted = true;
        this.mine = { country: null, time_zone: null, minor: false, accepted: null };
        return route.fulfill({ json: { backups_gone_by: GONE_BY } });
      }
      const change = request.postDataJSON() as MeChange;
      this.changes.push(change);
      const { accepted_version, ...fields } = change;
      this.mine = { ...this.mine, ...fields, minor: fields.minor ?? this.mine.minor };
      if (accepted_version) this.mine.accepted = { version: accepted_version, at: "2026-11-26T12:00:00Z" };
      return route.fulfill({ json: this.mine });
    });
    return this;
  }
}
