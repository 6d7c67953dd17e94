// Stands in for a bucket with lifecycle rules: keeps the XML that it is given and gives it back, as it came or in another spelling.
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { listen } from "../../loopback.ts";

const CONFIGURATION = (rules: string): string => `<?xml version="1.0" encoding="UTF-8"?><LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${rules}</LifecycleConfiguration>`;
const FAILURE = (code: string): string => `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${code} it is</Message></Error>`;

export class RulesEndpoint {
  /** null: there are none */
  xml: string | null = null;
  smallObjects: string | null = null;
  versioned = false;
  /** Each configuration that was put, with its headers. */
  readonly puts: { xml: string; headers: IncomingMessage["headers"] }[] = [];
  /** What is kept of what is put. */
  keep: (xml: string) => string = (xml) => xml;
  refusePuts: { status: number; code: string } | null = null;
  url = "";
  #close = async (): Promise<void> => undefined;

  async open(): Promise<this> {
    const server = createServer((request, response) => void this.#answer(request, response));
    ({ url: this.url, close: this.#close } = await listen(server));
    return this;
  }

  close(): Promise<void> {
    return this.#close();
  }

  environment(more: Readonly<Record<string, string>> = {}): Record<string, string> {
    return { MEDIA_ENDPOINT: this.url, MEDIA_REGION: "auto", MEDIA_BUCKET: "media", MEDIA_ACCESS_KEY_ID: "key", MEDIA_SECRET_ACCESS_KEY: "secret", ...more };
  }

  set(rules: string): void {
    this.xml = CONFIGURATION(rules);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const url = new URL(request.url ?? "", this.url);
    const give = (status: number, xml: string, headers: Record<string, string> = {}) => void response.writeHead(status, { "content-type": "application/xml", ...headers }).end(xml);
    if (request.headers.authorization?.startsWith("AWS4-HMAC-SHA256 Credential=key/") !== true) return give(403, FAILURE("AccessDenied"));
    if (url.pathname !== "/media" && url.pathname !== "/media/") return give(404, FAILURE("NoSuchBucket"));
    if (url.searchParams.has("versioning")) return give(200, `<VersioningConfiguration>${this.versioned ? "<Status>Enabled</Status>" : ""}</VersioningConfiguration>`);
    if (!url.searchParams.has("lifecycle")) return give(400, FAILURE("InvalidRequest"));
    if (request.method === "GET") {
      return this.xml === null ? give(404, FAILURE("NoSuchLifecycleConfiguration"))
        : give(200, this.xml, this.smallObjects === null ? {} : { "x-amz-transition-default-minimum-object-size": this.smallObjects });
    }
    if (this.refusePuts !== null) return give(this.refusePuts.status, FAILURE(this.refusePuts.code));
    if (request.headers["content-md5"] !== createHash("md5").update(body).digest("base64")) return give(400, FAILURE("InvalidDigest"));
    this.puts.push({ xml: body.toString(), headers: request.headers });
    this.xml = this.keep(body.toString());
    return give(200, "");
  }
}
