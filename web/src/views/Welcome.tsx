import { useHealth } from "../api/health";
import { change } from "../settings/settings";

const ON_THIS_MACHINE = new Set(["local", "sqlite", "file", "files", "fake"]);

/** The first thing that is said to who comes here: where words go, and what Rose is not. */
export function Welcome() {
  const { data } = useHealth();
  const elsewhere = Object.values(data?.services ?? {})
    .map(({ backend }) => backend)
    .filter((backend) => !ON_THIS_MACHINE.has(backend));
  return (
    <div className="welcome">
      <p>
        {elsewhere.length === 0
          ? "What you say stays on the machine that runs Rose."
          : `What you say is also sent to ${[...new Set(elsewhere)].join(", ")}.`}{" "}
        Rose is a companion, not a clinician.
      </p>
      <button className="button main" onClick={() => change({ welcomed: true })}>
        I understand
      </button>
    </div>
  );
}
