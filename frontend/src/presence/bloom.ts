/**
 * Draws Rose: a bloom of petals seen from above. Four states are told apart by form, not only by colour:
 * resting is a closed bud that breathes; listening opens wide, and rings come towards it; thinking turns, with sparks in
 * orbit; speaking pulses with the voice, and rings leave it.
 */
import type { Phase } from "../conversation/state";

/** What the drawing moves between; each in [0, 1] but where told. */
export interface Pose {
  /** How far the petals are open. */
  open: number;
  /** Warmth of the light within. */
  glow: number;
  /** Rings: -1 come, 1 leave. */
  rings: number;
  /** How fast the petals turn, in turns a minute. */
  turn: number;
  /** Sparks in orbit. */
  sparks: number;
  /** 0 is rose, 1 is sage. */
  sage: number;
}

export const POSES: Record<Phase, Pose> = {
  resting: { open: 0.18, glow: 0.25, rings: 0, turn: 0.3, sparks: 0, sage: 0 },
  listening: { open: 0.78, glow: 0.45, rings: -1, turn: 0.3, sparks: 0, sage: 1 },
  thinking: { open: 0.42, glow: 0.4, rings: 0, turn: 5, sparks: 1, sage: 0 },
  speaking: { open: 0.6, glow: 1, rings: 1, turn: 0.9, sparks: 0, sage: 0 },
};

type Colour = [number, number, number];

interface Palette {
  outer: Colour;
  inner: Colour;
  heart: Colour;
  sageOuter: Colour;
  sageInner: Colour;
  edge: Colour;
  strength: number;
}

const DAY: Palette = {
  outer: [196, 98, 84],
  inner: [226, 138, 112],
  heart: [255, 240, 220],
  sageOuter: [92, 138, 116],
  sageInner: [150, 186, 158],
  edge: [140, 52, 44],
  strength: 0.8,
};
const NIGHT: Palette = {
  outer: [150, 62, 78],
  inner: [238, 146, 122],
  heart: [255, 236, 208],
  sageOuter: [58, 112, 98],
  sageInner: [158, 208, 178],
  edge: [255, 206, 186],
  strength: 0.72,
};

/** From the outermost: petals, radius, width and the ring's own turn. */
const RINGS = [
  { petals: 8, radius: 0.6, turn: 0 },
  { petals: 7, radius: 0.5, turn: 0.35 },
  { petals: 6, radius: 0.4, turn: 0.8 },
  { petals: 5, radius: 0.3, turn: 1.3 },
  { petals: 4, radius: 0.205, turn: 1.9 },
  { petals: 3, radius: 0.12, turn: 2.6 },
];

const mix = (from: number, to: number, at: number) => from + (to - from) * at;
const blend = (from: Colour, to: Colour, at: number): Colour => [
  mix(from[0], to[0], at),
  mix(from[1], to[1], at),
  mix(from[2], to[2], at),
];
const css = ([r, g, b]: Colour, alpha: number) => `rgb(${r | 0} ${g | 0} ${b | 0} / ${alpha.toFixed(3)})`;

/** One petal, its foot in the middle, its tip at `length` upwards. */
function petal(context: CanvasRenderingContext2D, length: number, width: number, curl: number): void {
  context.beginPath();
  context.moveTo(0, 0);
  context.bezierCurveTo(-width * 0.55, -length * 0.16, -width * 1.05, -length * (0.62 + curl), -width * 0.5, -length * 0.93);
  context.bezierCurveTo(-width * 0.25, -length * 1.05, -width * 0.1, -length * 0.99, 0, -length * 0.97);
  context.bezierCurveTo(width * 0.1, -length * 0.99, width * 0.25, -length * 1.05, width * 0.5, -length * 0.93);
  context.bezierCurveTo(width * 1.05, -length * (0.62 - curl), width * 0.55, -length * 0.16, 0, 0);
  context.closePath();
}

export interface Frame {
  pose: Pose;
  level: number;
  /** Seconds. */
  time: number;
  /** The petals' turn so far, in radians. */
  angle: number;
  dark: boolean;
  still: boolean;
}

/** Draws into a square of `size` device pixels. */
export function draw(context: CanvasRenderingContext2D, size: number, frame: Frame): void {
  const { pose, level, angle, dark } = frame;
  const moved = frame.still ? 0 : level;
  const time = frame.still ? 0 : frame.time;
  const palette = dark ? NIGHT : DAY;
  const half = size / 2;
  const breath = frame.still ? 0 : Math.sin(time * 0.9) * 0.5 + 0.5;
  const outer = blend(palette.outer, palette.sageOuter, pose.sage * 0.85);
  const inner = blend(palette.inner, palette.sageInner, pose.sage * 0.7);
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, size, size);
  context.translate(half, half);

  const scale = half * (0.8 + 0.08 * pose.open + 0.025 * breath + 0.07 * moved);

  // The light around her.
  const reach = Math.min(half, scale * (0.95 + 0.25 * moved));
  const halo = context.createRadialGradient(0, 0, scale * 0.1, 0, 0, reach);
  const light = (dark ? 0.3 : 0.24) * (0.45 + 0.55 * pose.glow + 0.5 * level);
  halo.addColorStop(0, css(inner, light));
  halo.addColorStop(0.55, css(inner, light * 0.35));
  halo.addColorStop(1, css(inner, 0));
  context.fillStyle = halo;
  context.fillRect(-half, -half, size, size);

  // Rings that come or leave.
  const strength = Math.abs(pose.rings);
  if (strength > 0.02) {
    for (let at = 0; at < 3; at++) {
      const moving = frame.still ? (at + 1) / 4 : (time * 0.22 + at / 3) % 1;
      const far = pose.rings > 0 ? moving : 1 - moving;
      const radius = half * mix(0.7, 0.985, far);
      const seen = Math.sin(Math.PI * (frame.still ? 0.5 : moving)) * strength * (0.2 + 0.75 * level);
      context.beginPath();
      context.arc(0, 0, radius, 0, Math.PI * 2);
      context.strokeStyle = css(pose.rings > 0 ? palette.inner : dark ? palette.sageInner : palette.sageOuter, seen * (dark ? 0.8 : 1));
      context.lineWidth = size * (0.003 + 0.006 * moved);
      context.stroke();
    }
  }

  // The petals, from the outermost.
  RINGS.forEach((ring, depth) => {
    const within = depth / (RINGS.length - 1);
    const opened = mix(0.58 - 0.1 * (1 - within), 1, Math.pow(pose.open, 0.6 + within * 0.5));
    const beat = moved * (0.2 - 0.08 * within);
    const length = scale * ring.radius * 1.28 * (opened + beat);
    const width = ((Math.PI * length) / ring.petals) * mix(1.06, 0.92, pose.open);
    const colour = blend(outer, inner, within);
    const direction = depth % 2 === 0 ? 1 : -0.72;
    for (let at = 0; at < ring.petals; at++) {
      const flutter = frame.still ? 0 : Math.sin(time * 0.7 + at * 1.9 + depth * 1.3) * 0.04;
      context.save();
      context.rotate(ring.turn + angle * direction + (at / ring.petals) * Math.PI * 2 + flutter);
      petal(context, length * (1 + flutter * 0.6), width, 0.05 * Math.sin(depth * 2 + at));
      const fill = context.createLinearGradient(0, 0, 0, -length);
      fill.addColorStop(0, css(blend(colour, palette.heart, 0.35 * pose.glow), palette.strength * 0.75));
      fill.addColorStop(0.55, css(colour, palette.strength * 0.42));
      fill.addColorStop(1, css(blend(colour, palette.heart, dark ? 0.18 : 0.3), palette.strength * 0.62));
      context.fillStyle = fill;
      context.fill();
      context.strokeStyle = css(palette.edge, dark ? 0.2 : 0.14);
      context.lineWidth = Math.max(1, size * 0.0016);
      context.stroke();
      context.restore();
    }
  });

  // The heart.
  const heart = scale * (0.07 + 0.05 * pose.glow + 0.12 * moved);
  const glow = context.createRadialGradient(0, 0, 0, 0, 0, heart * 2.2);
  glow.addColorStop(0, css(palette.heart, 0.75 + 0.25 * pose.glow));
  glow.addColorStop(0.4, css(palette.heart, 0.3 + 0.3 * pose.glow));
  glow.addColorStop(1, css(palette.heart, 0));
  context.fillStyle = glow;
  context.beginPath();
  context.arc(0, 0, heart * 2.2, 0, Math.PI * 2);
  context.fill();

  // Sparks in orbit.
  if (pose.sparks > 0.02) {
    for (let at = 0; at < 7; at++) {
      const place = time * 1.5 - at * 0.24;
      const radius = half * (0.8 + 0.03 * Math.sin(time * 1.3 + at));
      context.beginPath();
      context.arc(Math.cos(place) * radius, Math.sin(place) * radius, size * (0.011 - 0.001 * at), 0, Math.PI * 2);
      context.fillStyle = css(dark ? palette.heart : palette.edge, pose.sparks * (0.9 - at * 0.11));
      context.fill();
    }
  }
}
