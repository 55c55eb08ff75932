import { ChevronDown, ChevronUp } from "lucide-react";

import type { StageReport } from "../api/client";
import { useConversation } from "../conversation/useConversation";
import { change, useSettings } from "../settings/settings";

const NAMES: Partial<Record<StageReport["stage"], string>> = {
  decode: "Reading the sound",
  speech_to_text: "Hearing words",
  extract_memories: "Remembering",
  route: "Choosing a way",
  inject_context: "Gathering thoughts",
  first_token: "First word",
  respond: "Finding words",
  image: "Painting",
  text_to_speech: "Speaking",
  inject_memories: "Keeping",
  summarize: "Summing up",
  checkpoint: "Saving",
  first_audio: "First sound",
};

const time = (ms: number) => (ms >= 1000 ? `${(ms / 1000).toFixed(2)} s` : `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`);

/** Where the time of the last turn went. */
export function StagePanel() {
  const { lastTurn } = useConversation();
  const { stages: open } = useSettings();
  if (!lastTurn) return null;
  const shown = lastTurn.stages.filter(({ stage }) => NAMES[stage]);
  const longest = Math.max(1, lastTurn.durationMs, ...shown.map(({ total_ms }) => total_ms));
  return (
    <section className="behind" aria-label="Behind the words">
      <button aria-expanded={open} onClick={() => change({ stages: !open })}>
        {open ? <ChevronDown size={16} aria-hidden="true" /> : <ChevronUp size={16} aria-hidden="true" />}
        Behind the words: {time(lastTurn.durationMs)}
      </button>
      {open ? (
        <ul className="stages card">
          {shown.map(({ stage, queued_ms, total_ms }, at) => (
            <li key={`${stage}-${at}`} className="stage">
              <span>{NAMES[stage]}</span>
              <span className="track" aria-hidden="true">
                <i style={{ width: `${(total_ms / longest) * 100}%` }} />
                <i className="wait" style={{ width: `${(queued_ms / longest) * 100}%` }} />
              </span>
              <span className="time">{time(total_ms)}</span>
            </li>
          ))}
        </ul>
      ) : null}
    </section>
  );
}
