import "../styles/views.css";

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Download, Pencil, Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { useLocation } from "wouter";

import { api, ask, type SessionSummary } from "../api/client";
import { limits } from "../api/limits";
import { Confirm } from "../components/Confirm";
import { EditForm } from "../components/EditForm";
import { conversation, useConversation } from "../conversation/useConversation";

/** Past conversations: to go on with, to name, to delete. */
export default function Conversations() {
  const [, go] = useLocation();
  const client = useQueryClient();
  const renew = () => client.invalidateQueries({ queryKey: ["sessions"] });
  const { data, error, isPending } = useQuery({
    queryKey: ["sessions"],
    queryFn: () => ask(api.GET("/api/sessions", { params: { query: { limit: 100 } } })),
  });
  return (
    <div className="page">
      <header className="page-head">
        <div>
          <h1>Past conversations</h1>
          <p className="soft">They are deleted after seven idle days. What Rose remembers stays.</p>
        </div>
        <button
          className="button main"
          onClick={() => {
            conversation.fresh();
            go("/");
          }}
        >
          <Plus size={18} aria-hidden="true" /> New
        </button>
      </header>
      {error ? <p role="alert">{error.message}</p> : null}
      {data && data.sessions.length > 0 ? (
        <ul className="list">
          {data.sessions.map((session) => (
            <Session key={session.id} session={session} onChange={renew} onOpen={() => void conversation.open(session.id).then(() => go("/write"))} />
          ))}
        </ul>
      ) : (
        <p className="empty">{isPending ? "One moment…" : "None yet."}</p>
      )}
    </div>
  );
}

const moment = (time: string) => new Date(time).toLocaleString(undefined, { dateStyle: "long", timeStyle: "short" });

function Session({ session, onChange, onOpen }: { session: SessionSummary; onChange: () => void; onOpen: () => void }) {
  const { sessionId } = useConversation();
  const [draft, setDraft] = useState<string | null>(null);
  const params = { path: { id: session.id } };
  const name = session.title ?? `Conversation of ${moment(session.created_at)}`;
  const rename = useMutation({
    mutationFn: (title: string) => ask(api.PATCH("/api/sessions/{id}", { params, body: { title } })),
    onSuccess: () => {
      setDraft(null);
      onChange();
    },
  });
  const remove = useMutation({
    mutationFn: () => ask(api.DELETE("/api/sessions/{id}", { params })),
    onSuccess: () => {
      if (sessionId === session.id) conversation.fresh();
      onChange();
    },
  });
  const failure = rename.error ?? remove.error;

  return (
    <li className="card item">
      {draft === null ? (
        <>
          <p className="text">
            <button className="text-button" onClick={onOpen}>
              {name}
            </button>
          </p>
          <div className="row">
            <button className="icon-button" aria-label={`Rename: ${name}`} onClick={() => setDraft(session.title ?? "")}>
              <Pencil size={18} aria-hidden="true" />
            </button>
            <a className="icon-button" aria-label={`Export: ${name}`} href={`/api/sessions/${session.id}/export`} download="rose-conversation.json">
              <Download size={18} aria-hidden="true" />
            </a>
            <Confirm
              className="icon-button"
              label={`Delete: ${name}`}
              icon={<Trash2 size={18} aria-hidden="true" />}
              title="Delete this conversation?"
              text={`${name} will be gone. What Rose remembers of you stays.`}
              action="Delete it"
              onConfirm={() => remove.mutate()}
            />
          </div>
        </>
      ) : (
        <EditForm draft={draft} saving={rename.isPending} onSave={(text) => rename.mutate(text)} onLeave={() => setDraft(null)}>
          <input className="field" aria-label="Name of this conversation" maxLength={limits.SessionChange.title.maxLength} value={draft} onChange={(event) => setDraft(event.target.value)} />
        </EditForm>
      )}
      <p className="meta">
        {session.id === sessionId ? <span className="kind emotion">Now</span> : null}
        <span>Last words {moment(session.last_active_at)}</span>
      </p>
      {failure ? <p role="alert">{failure.message}</p> : null}
    </li>
  );
}
