/** The version of the first screen's text. Whoever accepted another one is asked again. */
export const TEXT_VERSION = "2026-11-26";
