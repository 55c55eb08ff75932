import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Download, Trash2 } from "lucide-react";
import { useLocation } from "wouter";

import { deleteMe, EXPORT_ADDRESS, ME } from "../api/me";
import { Confirm } from "../components/Confirm";
import { Row } from "../components/Row";
import { conversation } from "../conversation/useConversation";
import { forgetSettings } from "../settings/settings";

/** What the first screen says after everything was deleted. */
export interface AfterDeletion {
  backupsGoneBy: string;
}

const OWN = [ME, ["memories"], ["sessions"]];

/** All that is a person's own: to be taken away, and to be deleted. */
export function YourData() {
  const [, go] = useLocation();
  const client = useQueryClient();
  const remove = useMutation({
    mutationFn: () => {
      // A turn that goes on would write again.
      conversation.stop();
      conversation.endHandsFree();
      return deleteMe();
    },
    onSuccess: ({ backups_gone_by }) => {
      conversation.fresh();
      forgetSettings();
      OWN.forEach((queryKey) => client.removeQueries({ queryKey }));
      const state: AfterDeletion = { backupsGoneBy: backups_gone_by };
      go("/", { state });
    },
  });
  return (
    <section className="card" aria-labelledby="data">
      <h2 id="data">Your data</h2>
      <Row name="Take it with you" about="Conversations, memories, recordings and pictures, in one archive">
        <a className="button" href={EXPORT_ADDRESS} download="rose-export.zip">
          <Download size={18} aria-hidden="true" /> Export
        </a>
      </Row>
      <Row name="Delete everything" about="Here and on this server">
        <Confirm
          className="button danger"
          label="Delete everything"
          icon={<Trash2 size={18} aria-hidden="true" />}
          words="Delete"
          title="Delete everything?"
          text="Your conversations, what Rose remembers, recordings, pictures, and what you chose here go at once; the backups follow. This can’t be undone."
          action="Delete everything"
          onConfirm={() => remove.mutate()}
        />
      </Row>
      <p role="status">{remove.isPending ? "One moment…" : ""}</p>
      {remove.error ? <p role="alert">{remove.error.message}</p> : null}
    </section>
  );
}
