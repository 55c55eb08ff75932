import { useEffect, useState } from "react";

import { useCapabilities } from "../api/capabilities";
import { RoseError } from "../api/client";
import { Row } from "../components/Row";
import { Sample } from "../settings/sample";
import { change, useSettings } from "../settings/settings";
import { grouped, readableName, type VoiceGroup } from "../settings/voices";

/** Who speaks: the server's voices by language, and a sample of the chosen one. */
export function VoiceChoice() {
  const { voice } = useSettings();
  const { data } = useCapabilities();
  const voices = data?.voices ?? [];
  const [own, ...others] = voices;
  if (!own) return null;
  // A voice of another server's is her own here.
  const chosen = voices.find(({ name }) => name === voice) ?? own;
  return (
    <Row name="Voice" about={others.length === 0 ? "The only one that this server has" : "In speech, and when a reply is heard again"}>
      <div className="voice-choice">
        {others.length === 0 ? (
          <span>{readableName(own.name)}</span>
        ) : (
          <select className="field choose" aria-label="Voice" value={chosen === own ? "" : chosen.name} onChange={({ target }) => change({ voice: target.value || null })}>
            {grouped(voices, navigator.language).map((group) => (
              <Group key={group.language} group={group} />
            ))}
          </select>
        )}
        <HearIt key={chosen.name} voice={chosen} />
      </div>
    </Row>
  );
}

function Group({ group }: { group: VoiceGroup }) {
  const options = group.voices.map(({ value, name }) => (
    <option key={value} value={value}>
      {name}
    </option>
  ));
  return group.label ? <optgroup label={group.label}>{options}</optgroup> : options;
}

/** Made anew for each voice: choosing another one ends the sample. */
function HearIt({ voice }: { voice: Parameters<Sample["hear"]>[0] }) {
  const [sample] = useState(() => new Sample());
  const [heard, setHeard] = useState(false);
  const [problem, setProblem] = useState("");
  useEffect(() => () => sample.stop(), [sample]);
  const hear = () => {
    setProblem("");
    setHeard(true);
    sample
      .hear(voice)
      .catch((error: unknown) => setProblem(error instanceof RoseError ? error.message : "It can’t be heard right now."))
      .finally(() => setHeard(false));
  };
  return (
    <>
      <button className="button" onClick={heard ? () => sample.stop() : hear}>
        {heard ? "Stop" : "Hear it"}
      </button>
      <span className="soft small" role="status">
        {problem}
      </span>
    </>
  );
}
