import base from "./playwright.config";

/** What is looked at and read rather than passed: pictures of every view, and what the first load costs. */
export default { ...base, testDir: "tests/tools", timeout: 600_000 };
