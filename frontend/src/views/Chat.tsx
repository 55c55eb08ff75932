import "../styles/views.css";

import { ImagePlus, RotateCcw, Send, Sparkles, Square, Volume2, X } from "lucide-react";
import { useEffect, useRef, useState } from "react";

import { CopyButton } from "../components/CopyButton";
import { Lightbox } from "../components/Lightbox";
import { StagePanel } from "../components/StagePanel";
import { useCapabilities } from "../api/capabilities";
import { useHealth } from "../api/health";
import { limits } from "../api/limits";
import type { Entry, Picture } from "../conversation/entries";
import { conversation, useConversation } from "../conversation/useConversation";
import { Presence } from "../presence/Presence";

const MOST_PICTURES = limits.ChatRequest.images.maxItems;
const BLIND = "No model of this server sees pictures. Tell Rose in words what is in it.";
const PICTURE_TYPES = "image/png,image/jpeg,image/webp,image/gif";

/** The same conversation in writing. */
export default function Chat() {
  const { entries, phase, lastTurn } = useConversation();
  const [shown, setShown] = useState<Picture | null>(null);
  const end = useRef<HTMLDivElement>(null);
  const last = entries.at(-1);
  useEffect(() => {
    void end.current?.scrollIntoView({ block: "end" });
  }, [entries.length, last?.text, lastTurn]);

  return (
    <div className="chat">
      <header className="chat-head">
        <Presence phase={phase} level={conversation.level} />
        <h1>Write to Rose</h1>
        <button className="button" onClick={() => conversation.fresh()} disabled={entries.length === 0}>
          New
        </button>
      </header>
      <div className="log" role="log" aria-label="Conversation">
        {entries.length === 0 ? <p className="empty">Whatever is on your mind. There is no hurry.</p> : null}
        {entries.map((entry) => (
          <Said key={entry.key} entry={entry} newest={entry === last || !entry.turnId} onPicture={setShown} />
        ))}
        <StagePanel />
        <div ref={end} className="log-end" />
      </div>
      <Composer busy={phase === "thinking" || phase === "speaking"} />
      <Lightbox picture={shown} onClose={() => setShown(null)} />
    </div>
  );
}

function Said({ entry, newest, onPicture }: { entry: Entry; newest: boolean; onPicture: (picture: Picture) => void }) {
  const [remembered, setRemembered] = useState(false);
  return (
    <article className={`said ${entry.role}`} aria-label={entry.role === "rose" ? "Rose" : "You"}>
      {entry.pictures.map((picture) => (
        <button key={picture.src} className="picture" aria-label={`Enlarge: ${picture.alt}`} onClick={() => onPicture(picture)}>
          <img src={picture.src} alt={picture.alt} loading="lazy" />
        </button>
      ))}
      {entry.text ? <p className="words">{entry.text}</p> : null}
      {entry.open && entry.painting ? (
        <label className="painting">
          Painting
          <progress value={entry.painting.step} max={entry.painting.steps} />
        </label>
      ) : entry.open && !entry.text ? (
        <span className="waiting" role="img" aria-label={entry.role === "rose" ? "Rose is thinking" : "Listening"}>
          <i />
          <i />
          <i />
        </span>
      ) : null}
      {entry.recording && !entry.text && !entry.open ? <p className="words soft">What you said aloud</p> : null}
      {entry.failure ? (
        <p className="failure">
          {entry.failure}{" "}
          {newest ? (
            <button className="button" onClick={() => void conversation.retry(entry.key)}>
              <RotateCcw size={16} aria-hidden="true" /> Try again
            </button>
          ) : null}
        </p>
      ) : null}
      {entry.role === "rose" && !entry.open ? (
        <div className="tools">
          <CopyButton label="Copy this reply" text={entry.text} />
          {entry.sound.length > 0 || entry.turnId ? (
            <button className="icon-button small" aria-label="Hear this reply again" onClick={() => void conversation.replay(entry.key)}>
              <Volume2 size={16} aria-hidden="true" />
            </button>
          ) : null}
          {newest && entry.turnId ? (
            <button className="icon-button small" aria-label="Answer again" onClick={() => void conversation.answerAgain(entry.key)}>
              <RotateCcw size={16} aria-hidden="true" />
            </button>
          ) : null}
          {entry.memories.length > 0 ? (
            <button className="icon-button small" aria-label="What she remembered for this" aria-expanded={remembered} onClick={() => setRemembered(!remembered)}>
              <Sparkles size={16} aria-hidden="true" />
            </button>
          ) : null}
          {entry.interrupted ? <span>Stopped here</span> : null}
        </div>
      ) : null}
      {remembered ? (
        <ul className="remembered" aria-label="Remembered for this reply">
          {entry.memories.map((memory) => (
            <li key={memory.id}>{memory.text}</li>
          ))}
        </ul>
      ) : null}
    </article>
  );
}

function Composer({ busy }: { busy: boolean }) {
  const [text, setText] = useState("");
  const [pictures, setPictures] = useState<{ data: string; picture: Picture }[]>([]);
  const file = useRef<HTMLInputElement>(null);
  const { data: health } = useHealth();
  const { data: offered } = useCapabilities();
  const starting = health?.status === "starting";
  const ready = (text.trim() !== "" || pictures.length > 0) && !starting;

  const send = () => {
    if (!ready) return;
    void conversation.send(text.trim() || "What do you see?", pictures);
    setText("");
    setPictures([]);
  };
  const attach = async (files: FileList | null) => {
    const read = await Promise.all([...(files ?? [])].slice(0, MOST_PICTURES - pictures.length).map(asPicture));
    setPictures((before) => [...before, ...read]);
  };

  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      {pictures.length > 0 ? (
        <ul className="attached" aria-label="Pictures to send">
          {pictures.map(({ data, picture }, at) => (
            <li key={data}>
              <img src={data} alt={picture.alt} />
              <button type="button" className="icon-button small" aria-label={`Remove ${picture.alt}`} onClick={() => setPictures(pictures.filter((_, other) => other !== at))}>
                <X size={14} aria-hidden="true" />
              </button>
            </li>
          ))}
        </ul>
      ) : null}
      <div className="composer-line">
        <input ref={file} type="file" accept={PICTURE_TYPES} multiple hidden onChange={(event) => void attach(event.target.files)} />
        <button type="button" className="icon-button" aria-label="Add a picture" disabled={pictures.length >= MOST_PICTURES} onClick={() => (offered?.sees_pictures === false ? conversation.tell(BLIND) : file.current?.click())}>
          <ImagePlus size={20} aria-hidden="true" />
        </button>
        <textarea
          rows={1}
          value={text}
          aria-label="Your message"
          placeholder={starting ? "Rose is waking up…" : "Write to Rose"}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) {
              event.preventDefault();
              send();
            }
          }}
        />
        {busy ? (
          <button type="button" className="icon-button send" aria-label="Stop Rose" onClick={() => conversation.stop()}>
            <Square size={16} fill="currentColor" aria-hidden="true" />
          </button>
        ) : (
          <button className="icon-button send" aria-label="Send" disabled={!ready}>
            <Send size={18} aria-hidden="true" />
          </button>
        )}
      </div>
    </form>
  );
}

function asPicture(file: File): Promise<{ data: string; picture: Picture }> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => {
      const data = reader.result as string;
      resolve({ data, picture: { src: data, alt: file.name } });
    };
    reader.onerror = () => reject(reader.error ?? new Error("the picture could not be read"));
    reader.readAsDataURL(file);
  });
}
