import "../styles/views.css";

import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Download, Pencil, Search, Trash2 } from "lucide-react";
import { useState } from "react";

import { api, ask, type MemoryEntry } from "../api/client";
import { limits } from "../api/limits";
import { Confirm } from "../components/Confirm";
import { EditForm } from "../components/EditForm";

const KINDS = { fact: "Fact", preference: "Preference", emotion: "Feeling" };
const PAGE = 100;

/** What Rose remembers: to be looked through, put right and taken back. */
export default function Memories() {
  const [search, setSearch] = useState("");
  const [count, setCount] = useState(PAGE);
  const client = useQueryClient();
  const renew = () => client.invalidateQueries({ queryKey: ["memories"] });
  const { data, error, isPending } = useQuery({
    queryKey: ["memories", search, count],
    queryFn: () => ask(api.GET("/api/memories", { params: { query: { search: search.trim() || undefined, limit: count } } })),
    placeholderData: keepPreviousData,
  });
  const forgetAll = useMutation({ mutationFn: () => ask(api.DELETE("/api/memories")), onSuccess: renew });
  const failure = error ?? forgetAll.error;

  return (
    <div className="page">
      <header className="page-head">
        <div>
          <h1>What Rose remembers</h1>
          <p className="soft">From your own words only. Put it right, or take it back.</p>
        </div>
        <div className="row">
          <a className="button" href="/api/memories/export" download="rose-memories.json">
            <Download size={18} aria-hidden="true" /> Export
          </a>
          <Confirm
            className="button danger"
            label="Forget everything"
            icon={<Trash2 size={18} aria-hidden="true" />}
            words="Forget all"
            title="Forget everything?"
            text="Rose will no longer know anything of what you told her. This can’t be undone."
            action="Forget everything"
            disabled={!data || data.total === 0}
            onConfirm={() => forgetAll.mutate()}
          />
        </div>
      </header>
      <div className="search">
        <Search size={18} aria-hidden="true" />
        <input type="search" className="field" aria-label="Search what Rose remembers" placeholder="Search" value={search} onChange={(event) => setSearch(event.target.value)} />
      </div>
      <p className="hidden-words" role="status">
        {data ? `${data.total} found` : ""}
      </p>
      {failure ? <p role="alert">{failure.message}</p> : null}
      {data && data.memories.length > 0 ? (
        <ul className="list">
          {data.memories.map((memory) => (
            <Memory key={memory.id} memory={memory} onChange={renew} />
          ))}
        </ul>
      ) : (
        <p className="empty">{isPending ? "One moment…" : search ? "Nothing like that." : "Nothing yet. Tell her something about yourself."}</p>
      )}
      {data && data.total > count ? (
        <button className="button" onClick={() => setCount(count + PAGE)}>
          Show more
        </button>
      ) : null}
    </div>
  );
}

function Memory({ memory, onChange }: { memory: MemoryEntry; onChange: () => void }) {
  const [draft, setDraft] = useState<string | null>(null);
  const params = { path: { id: memory.id } };
  const correct = useMutation({
    mutationFn: (text: string) => ask(api.PATCH("/api/memories/{id}", { params, body: { text } })),
    onSuccess: () => {
      setDraft(null);
      onChange();
    },
  });
  const forget = useMutation({ mutationFn: () => ask(api.DELETE("/api/memories/{id}", { params })), onSuccess: onChange });
  const failure = correct.error ?? forget.error;

  return (
    <li className="card item">
      {draft === null ? (
        <>
          <p className="text">{memory.text}</p>
          <div className="row">
            <button className="icon-button" aria-label={`Correct: ${memory.text}`} onClick={() => setDraft(memory.text)}>
              <Pencil size={18} aria-hidden="true" />
            </button>
            <Confirm
              className="icon-button"
              label={`Forget: ${memory.text}`}
              icon={<Trash2 size={18} aria-hidden="true" />}
              title="Forget this?"
              text={memory.text}
              action="Forget it"
              onConfirm={() => forget.mutate()}
            />
          </div>
        </>
      ) : (
        <EditForm draft={draft} saving={correct.isPending} onSave={(text) => correct.mutate(text)} onLeave={() => setDraft(null)}>
          <textarea className="field" aria-label="What Rose should remember" rows={2} maxLength={limits.MemoryCorrection.text.maxLength} value={draft} onChange={(event) => setDraft(event.target.value)} />
        </EditForm>
      )}
      <p className="meta">
        <span className={`kind ${memory.memory_type}`}>{KINDS[memory.memory_type]}</span>
        <time dateTime={memory.timestamp}>{new Date(memory.timestamp).toLocaleDateString(undefined, { dateStyle: "long" })}</time>
      </p>
      {failure ? <p role="alert">{failure.message}</p> : null}
    </li>
  );
}
