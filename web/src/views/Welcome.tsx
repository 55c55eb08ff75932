import { Whereabouts } from "../components/Whereabouts";
import { change } from "../settings/settings";

/** The first thing that is said to who comes here: where words go, and what Rose is not. */
export function Welcome() {
  return (
    <div className="welcome">
      <p>
        <Whereabouts /> Rose is a companion, not a clinician.
      </p>
      <button className="button main" onClick={() => change({ welcomed: true })}>
        I understand
      </button>
    </div>
  );
}
