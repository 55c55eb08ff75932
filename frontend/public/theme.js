// Runs before the first paint, so that a chosen theme doesn't flash. A file of its own, since the page's policy forbids
// scripts inside of it.
try {
  const settings = JSON.parse(localStorage.getItem("rose.settings") || "{}");
  if (settings.theme === "light" || settings.theme === "dark") document.documentElement.dataset.theme = settings.theme;
  if (settings.stillness) document.documentElement.dataset.still = "";
} catch {
  // A browser that keeps nothing follows the system's theme.
}
