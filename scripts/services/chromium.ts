// Finds or installs the browser of the browser tests.
import { existsSync } from "node:fs";
import { answerOf, findOnPath } from "./command.ts";
import { installSystemPackages } from "./packages.ts";

const NAMES = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];
const PLACES = [
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/** A Chromium that starts, or null. CHROMIUM names one that lies elsewhere. */
export function chromiumPath(): string | null {
  const named = process.env["CHROMIUM"];
  const onPath = NAMES.map(findOnPath).filter((found) => found !== null);
  const known = [...(named === undefined ? [] : [named]), ...onPath, ...PLACES.filter((place) => existsSync(place))];
  // Asked for its version, because a distribution's placeholder exists without a browser behind it.
  return known.find((place) => answerOf(place, ["--version"]) !== null) ?? null;
}

/** Throws with what to install when there is no way to get it here. */
export async function installChromium(): Promise<string> {
  const present = chromiumPath();
  if (present !== null) return present;
  // Without a font the browser draws no text.
  await installSystemPackages("chromium", "fonts-dejavu-core");
  const installed = chromiumPath();
  if (installed === null) throw new Error("Chromium is missing: install it (Debian: apt-get install chromium) or set CHROMIUM to its path");
  return installed;
}
