import { Captions, Ear, Mic, Square } from "lucide-react";
import { AnimatePresence, domAnimation, LazyMotion } from "motion/react";
import * as m from "motion/react-m";
import { useEffect } from "react";

import { useCapabilities } from "../api/capabilities";
import { StagePanel } from "../components/StagePanel";
import { conversation, useConversation } from "../conversation/useConversation";
import { Presence } from "../presence/Presence";
import { change, useSettings } from "../settings/settings";
import { TEXT_VERSION } from "../settings/textVersion";
import { Welcome } from "./Welcome";

const NO_HANDS_FREE = "This server can’t tell by listening when you have finished. Hold the button while you speak.";
const STATE_WORDS = { resting: "Resting", listening: "Listening", thinking: "Thinking", speaking: "Speaking" };

/** Where one speaks with Rose. */
export function Talk() {
  const { phase, entries, capturing } = useConversation();
  const { captions, accepted, handsFree } = useSettings();
  const { data: offered } = useCapabilities();
  useSpaceBar();

  const yours = entries.findLast((one) => one.role === "user");
  const newest = entries.findLast((one) => one.role === "rose");
  // What she said before your last words is no answer to them.
  const hers = newest && yours?.text && entries.indexOf(newest) < entries.indexOf(yours) ? undefined : newest;
  const busy = phase === "thinking" || phase === "speaking";

  return (
    <LazyMotion features={domAnimation} strict>
      <div className="talk">
        <h1 className="hidden-words">Speak with Rose</h1>
        <div className="presence-place">
          <Presence phase={phase} level={conversation.level} />
          <p className="state-word" role="status" data-testid="state">
            {STATE_WORDS[phase]}
          </p>
        </div>

        <section className="captions" aria-label="What is being said" aria-live="polite">
          {accepted !== TEXT_VERSION && entries.length === 0 ? (
            <Welcome />
          ) : captions ? (
            <AnimatePresence mode="popLayout" initial={false}>
              {yours?.text ? (
                <m.p key={yours.key} className="yours" initial={{ opacity: 0, y: 10 }} animate={{ opacity: 1, y: 0 }} exit={{ opacity: 0 }}>
                  <span className="hidden-words">You: </span>
                  {yours.text}
                </m.p>
              ) : null}
              {hers?.text ? (
                <m.p key={hers.key} className="hers" initial={{ opacity: 0, y: 10 }} animate={{ opacity: 1, y: 0 }} exit={{ opacity: 0 }}>
                  <span className="hidden-words">Rose: </span>
                  {ending(hers.text)}
                </m.p>
              ) : entries.length === 0 ? (
                <m.p key="first" className="hers" initial={false}>
                  I’m here.
                </m.p>
              ) : null}
            </AnimatePresence>
          ) : null}
        </section>

        <div className="talk-controls">
          <button
            className="button"
            aria-pressed={capturing === "hands-free"}
            aria-label="Hands-free"
            onClick={() => {
              const on = capturing === "hands-free";
              if (offered?.hands_free === false) return conversation.tell(NO_HANDS_FREE);
              change({ handsFree: !on });
              if (on) conversation.endHandsFree();
              else void conversation.startHandsFree();
            }}
          >
            <Ear size={20} aria-hidden="true" />
            <span>Hands-free</span>
          </button>
          {capturing === "hands-free" || (busy && capturing === "no") ? (
            <button className="talk-button" aria-label={busy ? "Stop Rose" : "Stop listening"} onClick={() => (busy ? conversation.stop() : conversation.endHandsFree())}>
              <Square size={28} fill="currentColor" aria-hidden="true" />
            </button>
          ) : (
            <HoldToTalk held={capturing === "held"} />
          )}
          <button className="button" aria-pressed={captions} aria-label="Captions" onClick={() => change({ captions: !captions })}>
            <Captions size={20} aria-hidden="true" />
            <span>Captions</span>
          </button>
          <p className="hint soft small">
            {capturing === "hands-free" ? (
              "Just speak. You can interrupt her."
            ) : handsFree ? (
              <>
                Press Hands-free to go on, or hold the button<span className="keys"> or the space bar</span>.
              </>
            ) : (
              <>
                Hold the button<span className="keys"> or the space bar</span> while you speak.
              </>
            )}
          </p>
        </div>
        <StagePanel />
      </div>
    </LazyMotion>
  );
}

function HoldToTalk({ held }: { held: boolean }) {
  return (
    <button
      className="talk-button"
      aria-label="Hold to speak"
      aria-pressed={held}
      data-held={held || undefined}
      onPointerDown={(event) => {
        if (event.button !== 0) return;
        event.currentTarget.setPointerCapture(event.pointerId);
        void conversation.press();
      }}
      onPointerUp={() => void conversation.release()}
      onPointerCancel={() => void conversation.release()}
      onContextMenu={(event) => event.preventDefault()}
      onKeyDown={(event) => {
        if (event.key === "Enter" && !event.repeat) void conversation.press();
      }}
      onKeyUp={(event) => {
        if (event.key === "Enter") void conversation.release();
      }}
    >
      <Mic size={34} strokeWidth={1.7} aria-hidden="true" />
    </button>
  );
}

/** The space bar is the button, wherever the focus is, but on what takes a space of its own. */
function useSpaceBar() {
  useEffect(() => {
    const taken = (target: EventTarget | null) =>
      target instanceof Element &&
      target.closest("input, textarea, select, a, button:not(.talk-button), [role=switch]") !== null;
    const down = (event: KeyboardEvent) => {
      if (event.code !== "Space" || taken(event.target)) return;
      if (document.activeElement?.getAttribute("aria-label")?.startsWith("Stop")) return;
      event.preventDefault();
      if (!event.repeat) void conversation.press();
    };
    const up = (event: KeyboardEvent) => {
      if (event.code === "Space" && conversation.snapshot().capturing === "held") {
        event.preventDefault();
        void conversation.release();
      }
    };
    const leave = () => void conversation.release();
    window.addEventListener("keydown", down);
    window.addEventListener("keyup", up);
    window.addEventListener("blur", leave);
    return () => {
      window.removeEventListener("keydown", down);
      window.removeEventListener("keyup", up);
      window.removeEventListener("blur", leave);
    };
  }, []);
}

/** The last sentences, as many as are read at a glance. */
function ending(text: string): string {
  if (text.length <= 220) return text;
  const cut = text.slice(-220);
  const start = cut.search(/(?<=[.!?…] )/);
  return start > 0 ? cut.slice(start) : `…${cut.slice(cut.indexOf(" "))}`;
}
