import { useHealth } from "../api/health";

const ON_THIS_MACHINE = new Set(["local", "sqlite", "file", "files", "fake"]);
const NAMES: Record<string, string> = {
  groq: "Groq",
  elevenlabs: "ElevenLabs",
  together: "Together",
  qdrant: "Qdrant",
  openai: "the service that this server’s settings name",
};

/** Where words go: every service that may get them, those that only stand in for another too. */
export function Whereabouts() {
  const { data, isError } = useHealth();
  if (isError) return <>Rose can’t be reached right now.</>;
  if (!data || data.status === "starting") return <>Rose is waking up.</>;
  const all = Object.values(data.services).flatMap(({ backends }) => backends.map(({ backend }) => backend));
  const elsewhere = [...new Set(all.filter((backend) => !ON_THIS_MACHINE.has(backend)))].map((backend) => NAMES[backend] ?? backend);
  if (elsewhere.length === 0) return <>What you say stays on the machine that runs Rose.</>;
  return <>What you say is also sent to {new Intl.ListFormat("en").format(elsewhere)}.</>;
}
