// Stands before a store and passes everything on as it is, so that signatures hold; what was asked is kept.
import { createServer, request } from "node:http";
import { listen } from "../loopback.ts";

export class RecordingProxy {
  /** `METHOD path?names of its query`, in order. */
  readonly asked: string[] = [];
  url = "";
  #close = async (): Promise<void> => undefined;

  static async before(target: string): Promise<RecordingProxy> {
    const proxy = new RecordingProxy();
    const { hostname, port } = new URL(target);
    const server = createServer((given, answer) => {
      const url = new URL(given.url ?? "", target);
      proxy.asked.push(`${given.method} ${url.pathname}${url.search === "" ? "" : `?${[...url.searchParams.keys()].join()}`}`);
      const passed = request({ hostname, port, method: given.method, path: given.url, headers: given.headers }, (response) => {
        answer.writeHead(response.statusCode ?? 502, response.rawHeaders);
        response.pipe(answer);
      });
      passed.on("error", () => answer.destroy());
      given.pipe(passed);
    });
    ({ url: proxy.url, close: proxy.#close } = await listen(server));
    return proxy;
  }

  close(): Promise<void> {
    return this.#close();
  }
}
