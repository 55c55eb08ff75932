import "../styles/views.css";

import { useState } from "react";
import { Link } from "wouter";

import { type Care, type Country, type Helpline, useCare, useMe } from "../api/me";
import { Whereabouts } from "../components/Whereabouts";
import { timeZone } from "../settings/acquaint";
import { addressOf, asSentence, countryOf, countryOptions, ordered, purposesOf, UNKNOWN } from "../settings/helplines";

const LAYERS: Record<Care["layers"][number], string> = {
  patterns: "Words that say it plainly are looked for.",
  probe: "The model on this machine is asked whether someone is in danger.",
  judge: "A stronger model reads it together with the messages before it.",
};

/** Whom to call, and what Rose does and can't do. Open to everyone, before anything was accepted. */
export default function Safety() {
  const { data: care } = useCare();
  return (
    <div className="page safety">
      <h1>Safety</h1>
      <WhomToCall care={care} />
      <section className="card" aria-labelledby="what">
        <h2 id="what">What Rose is</h2>
        <p>Rose is an AI: a program that listens and talks. She is not a person, not a doctor, and no emergency service.</p>
        {care?.for_people_in_need === false ? (
          <p>The models of this server are a small set, which is not made for people in need: danger is noticed only where it is said plainly.</p>
        ) : null}
      </section>
      <section className="card" aria-labelledby="danger">
        <h2 id="danger">When somebody speaks of danger</h2>
        <p>
          Danger is a life or a body at risk, yours or another’s: suicide, self-harm, overdose, eating disorders, violence, a child at risk, a medical emergency. Each message is checked for it:
        </p>
        <ul className="points">
          {(care?.layers ?? (["patterns"] as const)).map((layer) => (
            <li key={layer}>{LAYERS[layer]}</li>
          ))}
        </ul>
        <p>Where it may be danger, Rose asks plainly, and says where help is. Where it is danger, she answers in words that people wrote before, with an emergency number and a helpline.</p>
        <p>Nothing of such a message becomes a memory. How often it happens is counted by the day, with nobody’s name or words.</p>
      </section>
      <section className="card" aria-labelledby="limits">
        <h2 id="limits">What she can’t do</h2>
        <ul className="points">
          <li>She can’t call anyone for you, send help, or see where you are.</li>
          <li>She misses danger, and asks where there is none.</li>
          <li>She can’t tell what illness someone has, or how to treat it.</li>
          <li>She can be wrong about what is true.</li>
        </ul>
      </section>
      <section className="card" aria-labelledby="kept">
        <h2 id="kept">What is kept</h2>
        <p>
          <Whereabouts />
        </p>
        <ul className="points">
          <li>Recordings are deleted after a day, conversations after seven idle days. What Rose remembers stays until you delete it.</li>
          <li>So do your country, your time zone, whether you are under 18, and what you accepted on the first screen.</li>
          <li>
            In <Link href="/settings">Settings</Link> you can take all of it with you, or delete it: it is gone at once, and the backups are written anew without it. Where one can’t be, newer ones
            take its place within days.
          </li>
        </ul>
      </section>
    </div>
  );
}

/** The numbers of where the person is; those of other countries can be chosen. */
function WhomToCall({ care }: { care: Care | undefined }) {
  const { data: mine } = useMe();
  const [chosen, setChosen] = useState<string | null>(null);
  const countries = care?.countries ?? [];
  const country = chosen === null ? countryOf(countries, mine?.country, timeZone()) : countries.find(({ code }) => code === chosen);
  const unknown = care?.unknown ?? UNKNOWN;
  const emergency = country?.emergency ?? unknown.emergency;
  return (
    <section className="card" aria-labelledby="call">
      <h2 id="call">Whom to call</h2>
      <p className="emergency">
        In danger now: <a href={addressOf(emergency)}>{emergency}</a>
      </p>
      {countries.length > 0 ? (
        <label className="country">
          <span>Country</span>
          <select className="field choose" value={country?.code ?? ""} onChange={({ target }) => setChosen(target.value)}>
            <option value="">Another</option>
            {countryOptions(countries, null, navigator.language).map(({ value, name }) => (
              <option key={value} value={value}>
                {name}
              </option>
            ))}
          </select>
        </label>
      ) : null}
      <p className="hidden-words" role="status">
        {country ? `Numbers of ${country.name}` : ""}
      </p>
      {country ? <Lines country={country} minor={mine?.minor ?? false} /> : <Elsewhere name={unknown.name} />}
    </section>
  );
}

function Elsewhere({ name }: { name: string }) {
  return (
    <p>
      <a href={addressOf(name)} target="_blank" rel="noreferrer">
        {name}
      </a>{" "}
      lists helplines by country. Your country may have an emergency number of its own.
    </p>
  );
}

function Lines({ country, minor }: { country: Country; minor: boolean }) {
  return (
    <ul aria-label={`Helplines in ${country.name}`}>
      {ordered(country.lines, minor).map((line) => (
        <Line key={`${line.name} ${line.number}`} line={line} />
      ))}
    </ul>
  );
}

function Line({ line }: { line: Helpline }) {
  const languages = new Intl.DisplayNames("en", { type: "language" });
  const spoken = new Intl.ListFormat("en").format(line.languages.map((code) => languages.of(code) ?? code));
  return (
    <li className="setting helpline">
      <div className="what">
        <span>{asSentence(line.name)}</span>
        <span className="soft small">
          {purposesOf(line)}. {asSentence(line.hours)}. {spoken}.{" "}
          <a href={line.source} target="_blank" rel="noreferrer" aria-label={`Their page: ${line.name}`}>
            Their page
          </a>
        </span>
      </div>
      <a className="button" href={addressOf(line.number)} aria-label={`${line.number}, ${line.name}`}>
        {line.number}
      </a>
    </li>
  );
}
