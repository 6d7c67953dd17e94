// What a deployment says of its store of files: any that speaks the S3 API, path style.

export interface MediaEnv {
  MEDIA_ENDPOINT?: string;
  MEDIA_REGION?: string;
  MEDIA_BUCKET?: string;
  MEDIA_ACCESS_KEY_ID?: string;
  MEDIA_SECRET_ACCESS_KEY?: string;
  MEDIA_SECRET?: string;
  MEDIA_ORIGIN?: string;
  MEDIA_VERIFIES_SHA256?: string;
}

export interface MediaSettings {
  /** Where the edge and its objects reach the store, without a slash at its end. */
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Keys the names of contents. */
  readonly secret: string;
  /** Where clients reach the store: a URL, or a path on the origin by which they reached the edge. */
  readonly origin: string;
  /** The store itself refuses a PUT whose bytes are not those of the signed SHA-256. */
  readonly verifiesSha256: boolean;
}

const NEEDED = ["MEDIA_ENDPOINT", "MEDIA_BUCKET", "MEDIA_ACCESS_KEY_ID", "MEDIA_SECRET_ACCESS_KEY", "MEDIA_SECRET"] as const;
const SECRET_CHARS = 32;

/** null: the deployment has no media. Throws, naming variables, where something is missing or can't be. */
export function readMediaSettings(env: MediaEnv): MediaSettings | null {
  const absent = NEEDED.filter((name) => (env[name] ?? "") === "");
  if (absent.length === NEEDED.length) return null;
  if (absent.length > 0) throw new Error(`media is set up in part: ${absent.join(", ")} must be set too`);
  const { MEDIA_ENDPOINT = "", MEDIA_BUCKET = "", MEDIA_ACCESS_KEY_ID = "", MEDIA_SECRET_ACCESS_KEY = "", MEDIA_SECRET = "" } = env;
  if (MEDIA_SECRET.length < SECRET_CHARS) throw new Error(`MEDIA_SECRET must have ${SECRET_CHARS} characters or more`);
  const endpoint = webAddress("MEDIA_ENDPOINT", MEDIA_ENDPOINT);
  const { MEDIA_ORIGIN = "" } = env;
  return {
    endpoint,
    region: env.MEDIA_REGION || "auto",
    bucket: MEDIA_BUCKET,
    accessKeyId: MEDIA_ACCESS_KEY_ID,
    secretAccessKey: MEDIA_SECRET_ACCESS_KEY,
    secret: MEDIA_SECRET,
    origin: MEDIA_ORIGIN === "" ? endpoint : MEDIA_ORIGIN.startsWith("/") ? MEDIA_ORIGIN.replace(/\/+$/, "") : webAddress("MEDIA_ORIGIN", MEDIA_ORIGIN),
    verifiesSha256: env.MEDIA_VERIFIES_SHA256 === "on",
  };
}

function webAddress(name: string, text: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.search !== "" || url.hash !== "") throw new Error(`${name} must be an http or https address, not ${JSON.stringify(text)}`);
  return url.href.replace(/\/+$/, "");
}
