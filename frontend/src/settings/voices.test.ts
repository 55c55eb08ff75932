import { expect, test } from "vitest";

import { grouped, readableName, sample } from "./voices";

test("voices have the names of people", () => {
  expect(readableName("af_heart")).toBe("Heart, a woman");
  expect(readableName("bm_george")).toBe("George, a man");
  expect(readableName("en_US-joe-medium")).toBe("Joe");
  expect(readableName("JBFqnCBsd6RMkjVDRZzb")).toBe("JBFqnCBsd6RMkjVDRZzb");
});

test("voices stand under their languages, and the default one has no value of its own", () => {
  const voices = [
    { name: "af_heart", language: "en-US" },
    { name: "ff_siwis", language: "fr-FR" },
    { name: "af_sky", language: "en-US" },
    { name: "another" },
    { name: "odd", language: "not a tag" },
  ];
  expect(grouped(voices, "en")).toEqual([
    {
      language: "en-US",
      label: "American English",
      voices: [
        { value: "", name: "Heart, a woman" },
        { value: "af_sky", name: "Sky, a woman" },
      ],
    },
    { language: "fr-FR", label: "French (France)", voices: [{ value: "ff_siwis", name: "Siwis, a woman" }] },
    { language: null, label: "", voices: [{ value: "another", name: "another" }] },
    { language: "not a tag", label: "not a tag", voices: [{ value: "odd", name: "odd" }] },
  ]);
  expect(grouped([], "en")).toEqual([]);
});

test("a voice introduces itself in its language", () => {
  expect(sample("fr-FR")).toContain("Bonsoir");
  expect(sample("en-GB")).toBe(sample(undefined));
  expect(sample("sw")).toBe(sample("en"));
});
