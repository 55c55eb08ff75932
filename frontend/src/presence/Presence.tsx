import { useAnimationFrame } from "motion/react";
import { useEffect, useRef } from "react";

import type { Phase } from "../conversation/state";
import { wantsStillness } from "../settings/settings";
import { draw, type Pose, POSES } from "./bloom";

/** Seconds in which one pose becomes another, by about two thirds. */
const PASSAGE = 0.28;
/** Milliseconds between two frames while she rests: breathing needs no more. */
const RESTING_FRAME = 1000 / 24;

const isDark = () => {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : window.matchMedia("(prefers-color-scheme: dark)").matches;
};

/** Rose herself. `level` is read once a frame, 0 to 1. */
export function Presence({ phase, level }: { phase: Phase; level: () => number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const pose = useRef<Pose>({ ...POSES.resting });
  const angle = useRef(0);
  const drawn = useRef(0);

  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    const fit = new ResizeObserver(([entry]) => {
      const width = entry?.contentRect.width ?? 0;
      element.width = element.height = Math.round(width * Math.min(2, devicePixelRatio));
    });
    fit.observe(element);
    return () => fit.disconnect();
  }, []);

  useAnimationFrame((time) => {
    const element = canvas.current;
    const context = element?.getContext("2d");
    if (!element || !context || element.width === 0) return;
    const passed = time - drawn.current;
    if (phase === "resting" && passed < RESTING_FRAME) return;
    drawn.current = time;
    const seconds = Math.min(0.1, passed / 1000);
    const still = wantsStillness();
    const goal = POSES[phase];
    const step = still ? 1 : 1 - Math.exp(-seconds / PASSAGE);
    for (const key of Object.keys(goal) as (keyof Pose)[]) pose.current[key] += (goal[key] - pose.current[key]) * step;
    if (!still) angle.current += ((pose.current.turn * Math.PI * 2) / 60) * seconds;
    draw(context, element.width, {
      pose: pose.current,
      level: level(),
      time: time / 1000,
      angle: angle.current,
      dark: isDark(),
      still,
    });
  });

  return <canvas ref={canvas} className="presence" data-phase={phase} aria-hidden="true" />;
}
