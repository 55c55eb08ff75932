import { Switch } from "radix-ui";
import { useId } from "react";

import { Row } from "./Row";

interface Props {
  name: string;
  about: string;
  on: boolean;
  disabled?: boolean;
  onChange: (on: boolean) => void;
}

export function Toggle({ name, about, on, disabled, onChange }: Props) {
  const aboutId = useId();
  return (
    <Row name={name} about={about} aboutId={aboutId}>
      <Switch.Root className="switch" aria-label={name} aria-describedby={aboutId} checked={on} disabled={disabled} onCheckedChange={onChange}>
        <Switch.Thumb />
      </Switch.Root>
    </Row>
  );
}
