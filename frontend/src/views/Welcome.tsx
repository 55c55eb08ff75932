import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { Link } from "wouter";
import { useHistoryState } from "wouter/use-browser-location";

import { useCare } from "../api/me";
import { Whereabouts } from "../components/Whereabouts";
import { acquaint } from "../settings/acquaint";
import { change } from "../settings/settings";
import { TEXT_VERSION } from "../settings/textVersion";
import type { AfterDeletion } from "./YourData";

/** Where the server can't be asked for her own words. */
const DISCLOSURE = "Rose is an AI, not a person.";

/** The first thing that is said to who comes here: what Rose is and isn't, and where words go. A change of its meaning needs a new `TEXT_VERSION`. */
export function Welcome() {
  const { data: care } = useCare();
  const after = useHistoryState<AfterDeletion | null>();
  const client = useQueryClient();
  return (
    <div className="welcome">
      {after?.backupsGoneBy ? <Gone by={after.backupsGoneBy} /> : null}
      <h2>Before you begin</h2>
      <p className="disclosure">{care?.disclosure ?? DISCLOSURE}</p>
      <p>
        <Whereabouts /> Rose is a companion, not a clinician. She is no emergency service.
        {care?.for_people_in_need === false ? " This small set of models is not made for people in need." : ""}
      </p>
      <p>
        <Link href="/safety">Whom to call in danger</Link>
      </p>
      <button
        className="button main"
        onClick={() => {
          change({ accepted: TEXT_VERSION });
          void acquaint(client);
        }}
      >
        I understand
      </button>
    </div>
  );
}

/** Has the focus, since what had it is gone. */
function Gone({ by }: { by: string }) {
  const words = useRef<HTMLParagraphElement>(null);
  useEffect(() => words.current?.focus(), []);
  const date = new Date(by).toLocaleDateString(undefined, { dateStyle: "long" });
  return (
    <p ref={words} className="gone" tabIndex={-1}>
      Everything is deleted. No backup holds any of it after {date}.
    </p>
  );
}
