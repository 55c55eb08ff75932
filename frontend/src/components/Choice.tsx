import { useId } from "react";

import { Row } from "./Row";

interface Props {
  name: string;
  about: string;
  options: { value: string; name: string }[];
  value: string | null;
  disabled?: boolean;
  onChange: (value: string | null) => void;
}

/** What this server offers; where that is one thing, it is only told. */
export function Choice({ name, about, options, value, disabled, onChange }: Props) {
  const aboutId = useId();
  const [only, ...others] = options;
  if (!only) return null;
  if (others.length === 0) {
    return (
      <Row name={name} about="The only one that this server has">
        <span>{only.name}</span>
      </Row>
    );
  }
  return (
    <Row name={name} about={about} aboutId={aboutId}>
      <select
        className="field choose"
        aria-label={name}
        aria-describedby={aboutId}
        disabled={disabled}
        value={options.find((one) => one.value === value)?.value ?? ""}
        onChange={({ target }) => onChange(target.value || null)}
      >
        {options.map((one) => (
          <option key={one.value} value={one.value}>
            {one.name}
          </option>
        ))}
      </select>
    </Row>
  );
}
