// A file's way to the store. Browsers tell the progress of a request's body only through XMLHttpRequest; elsewhere it is fetch.

export interface PutRequest {
  /** To be sent exactly so. */
  headers: Readonly<Record<string, string>>;
  body: Blob;
  signal: AbortSignal;
  /** Bytes that were handed over so far. */
  onProgress: (sent: number) => void;
}

export interface PutAnswer {
  status: number;
  /** Names what was written, of a part. Null also where a store does not show it to pages. */
  etag: string | null;
  text: string;
}

/** Rejects where no answer comes. */
export type Put = (url: string, request: PutRequest) => Promise<PutAnswer>;

/** Set by whoever makes the request, from the body and the address; a page may not name them. */
const IMPLIED: ReadonlySet<string> = new Set(["content-length", "host"]);

export const systemPut: Put = (url, request) => {
  const headers = Object.entries(request.headers).filter(([name]) => !IMPLIED.has(name.toLowerCase()));
  return typeof XMLHttpRequest === "function" ? putByXhr(url, headers, request) : putByFetch(url, headers, request);
};

async function putByFetch(url: string, headers: [string, string][], { body, signal, onProgress }: PutRequest): Promise<PutAnswer> {
  const response = await fetch(url, { method: "PUT", headers, body, signal });
  const text = await response.text();
  onProgress(body.size);
  return { status: response.status, etag: response.headers.get("etag"), text };
}

function putByXhr(url: string, headers: [string, string][], { body, signal, onProgress }: PutRequest): Promise<PutAnswer> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const abort = (): void => request.abort();
    const failed = (why: string) => () => reject(new TypeError(why));
    request.upload.addEventListener("progress", ({ loaded }) => onProgress(loaded));
    request.addEventListener("load", () => resolve({ status: request.status, etag: etagIn(request.getAllResponseHeaders()), text: request.responseText }));
    request.addEventListener("error", failed("the store can't be reached"));
    request.addEventListener("abort", failed("aborted"));
    request.addEventListener("loadend", () => signal.removeEventListener("abort", abort));
    signal.addEventListener("abort", abort);
    request.open("PUT", url);
    for (const [name, value] of headers) request.setRequestHeader(name, value);
    request.send(body);
    if (signal.aborted) abort();
  });
}

/** Not asked for by its name: where a store on another origin does not show it to pages, the browser would complain. */
function etagIn(headers: string): string | null {
  return /^etag: *(.*?)\r?$/im.exec(headers)?.[1] ?? null;
}
