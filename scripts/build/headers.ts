// The page's headers name where files come from: the store of this deployment, and nowhere else. Known when it is built, from the
// same settings that the Worker gets.
import { readFileSync } from "node:fs";
import path from "node:path";

type Settings = Readonly<Record<string, string | undefined>>;

/** The [vars] of the deployment, below what the environment says. */
export function deployedSettings(root: string, env: Settings): Settings {
  const named = /^(MEDIA_(?:ENDPOINT|ORIGIN|BUCKET)) *= *"([^"]*)"/gm;
  const vars = Object.fromEntries([...readFileSync(path.join(root, "wrangler.toml"), "utf8").matchAll(named)].map(([, name = "", value = ""]) => [name, value]));
  return { ...vars, ...Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith("MEDIA_"))) };
}

/** For a Content-Security-Policy: the bucket's own address; "" where it lies on the page's origin, or there is none. */
export function mediaSource({ MEDIA_ENDPOINT = "", MEDIA_ORIGIN = "", MEDIA_BUCKET = "" }: Settings): string {
  const base = MEDIA_ORIGIN === "" ? MEDIA_ENDPOINT : MEDIA_ORIGIN;
  if (base === "" || base.startsWith("/")) return "";
  const url = new URL(`${base.replace(/\/+$/, "")}/${MEDIA_BUCKET === "" ? "" : `${encodeURIComponent(MEDIA_BUCKET)}/`}`);
  // Either would end the directive, and begin another.
  return /[;,\s]/.test(url.href) ? url.origin : url.href;
}

export function withMediaSource(headers: string, source: string): string {
  return headers.replaceAll(" MEDIA", source === "" ? "" : ` ${source}`);
}
