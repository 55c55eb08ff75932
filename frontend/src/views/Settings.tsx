import "../styles/views.css";

import { Slider, ToggleGroup } from "radix-ui";

import { useCapabilities } from "../api/capabilities";
import type { Schemas } from "../api/client";
import { useHealth } from "../api/health";
import { Choice } from "../components/Choice";
import { Row } from "../components/Row";
import { Toggle } from "../components/Toggle";
import { Whereabouts } from "../components/Whereabouts";
import { change, type Settings as Chosen, useSettings } from "../settings/settings";
import { VoiceChoice } from "./VoiceChoice";
import { YourData } from "./YourData";
import { Yourself } from "./Yourself";

const SERVICES: Record<string, string> = {
  speech_to_text: "Hearing",
  llm: "Thinking",
  text_to_speech: "Voice",
  embeddings: "Understanding",
  store: "Conversations",
  memories: "Memory",
  image: "Pictures",
  voice_activity: "Attention",
};

export default function Settings() {
  const chosen = useSettings();
  const { data, isError } = useHealth();
  return (
    <div className="page">
      <h1>Settings</h1>
      <section className="card" aria-labelledby="how">
        <h2 id="how">How Rose speaks</h2>
        <VoiceChoice />
        <LanguageChoice />
        <Row name="Speaking rate" about={`${chosen.rate.toFixed(2)} times her own pace`}>
          <Slider.Root className="slider" min={0.7} max={1.4} step={0.05} value={[chosen.rate]} onValueChange={([rate]) => change({ rate: rate ?? 1 })}>
            <Slider.Track className="track">
              <Slider.Range className="range" />
            </Slider.Track>
            <Slider.Thumb className="thumb" aria-label="Speaking rate" />
          </Slider.Root>
        </Row>
        <Flagged name="Speak written replies" about="Also where you wrote to her" of="speakReplies" />
        <Flagged name="Captions" about="What is said, as text" of="captions" />
      </section>
      <section className="card" aria-labelledby="look">
        <h2 id="look">How it looks</h2>
        <Row name="Theme">
          <ToggleGroup.Root className="choice" type="single" value={chosen.theme} aria-label="Theme" onValueChange={(theme) => theme && change({ theme: theme as Chosen["theme"] })}>
            <ToggleGroup.Item value="system">System</ToggleGroup.Item>
            <ToggleGroup.Item value="light">Light</ToggleGroup.Item>
            <ToggleGroup.Item value="dark">Dark</ToggleGroup.Item>
          </ToggleGroup.Root>
        </Row>
        <Flagged name="Less motion" about="Also where your system does not ask for it" of="stillness" />
        <Flagged name="Behind the words" about="Where the time of a turn went" of="stages" />
      </section>
      <Yourself />
      <YourData />
      <section className="card" aria-labelledby="server">
        <h2 id="server">This server</h2>
        {isError ? <p>It can’t be reached right now.</p> : null}
        {data?.status === "starting" ? <p>It is waking up.</p> : null}
        {data?.fake ? <p>Some of this is a stand-in for tests, without a model.</p> : null}
        <ul>
          {Object.entries(data?.services ?? {}).map(([port, service]) => (
            <li key={port} className="service">
              <span className={wellness(service) === "well" ? "dot well" : "dot"} aria-hidden="true" />
              <span>
                {SERVICES[port] ?? port} <span className="soft small">{service.model}</span>
              </span>
              <span className="soft small">
                {service.backend}, {wellness(service)}
              </span>
            </li>
          ))}
        </ul>
        <p className="soft small">
          <Whereabouts />
          {data ? ` Rose ${data.version}.` : ""}
        </p>
      </section>
    </div>
  );
}

type Service = Schemas["ServiceHealth"];

/** The first in line, and who stands in for it. */
function wellness({ ready, backends }: Service): string {
  if (!ready) return "not ready";
  const rests = (one?: Service["backends"][number]) => one?.breaker === "open";
  if (!rests(backends[0])) return "well";
  const standIn = backends.find((one) => !rests(one));
  return standIn ? `not well; ${standIn.backend} stands in` : "not well";
}

function LanguageChoice() {
  const { language } = useSettings();
  const { data } = useCapabilities();
  const names = new Intl.DisplayNames(navigator.language, { type: "language" });
  const known = (data?.languages ?? []).map((code) => ({ value: code, name: names.of(code) ?? code }));
  known.sort((one, other) => one.name.localeCompare(other.name));
  const options = known.length > 1 ? [{ value: "", name: "As I speak" }, ...known] : known;
  return <Choice name="Language" about="What you speak" options={options} value={language} onChange={(language) => change({ language })} />;
}

type Flag = { [Key in keyof Chosen]: Chosen[Key] extends boolean ? Key : never }[keyof Chosen];

function Flagged({ name, about, of }: { name: string; about: string; of: Flag }) {
  const chosen = useSettings();
  return <Toggle name={name} about={about} on={chosen[of]} onChange={(on) => change({ [of]: on })} />;
}
