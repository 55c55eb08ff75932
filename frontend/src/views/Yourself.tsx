import { Link } from "wouter";

import { useCare, useChangeMe, useMe } from "../api/me";
import { Choice } from "../components/Choice";
import { Toggle } from "../components/Toggle";
import { countryOptions } from "../settings/helplines";

/** What Rose is to know of the person, so that she names the right helplines. The server keeps it. */
export function Yourself() {
  const { data: known, error } = useMe();
  const { data: care } = useCare();
  const change = useChangeMe();
  // What is on its way is shown already.
  const mine = known && { ...known, ...(change.isPending ? change.variables : {}) };
  const countries = countryOptions(care?.countries ?? [], mine?.country ?? null, navigator.language);
  const failure = change.error ?? error;
  return (
    <section className="card" aria-labelledby="yourself">
      <h2 id="yourself">About you</h2>
      {countries.length > 0 ? (
        <Choice
          name="Where you are"
          about="Whose helplines Rose names. Where it isn’t said, your time zone tells"
          options={[{ value: "", name: "Not said" }, ...countries]}
          value={mine?.country ?? ""}
          disabled={!mine}
          onChange={(country) => change.mutate({ country })}
        />
      ) : null}
      <Toggle name="I am under 18" about="Rose then names helplines for young people first" on={mine?.minor ?? false} disabled={!mine} onChange={(minor) => change.mutate({ minor })} />
      {failure ? <p role="alert">{failure.message}</p> : null}
      <p className="small">
        <Link href="/safety">Whom to call, and what Rose does in danger</Link>
      </p>
    </section>
  );
}
