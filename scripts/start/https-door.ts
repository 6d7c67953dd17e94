// A door for the archiver in production, where the Worker refuses plain http: it says what a proxy with TLS would say.
import { createServer, request as ask } from "node:http";
import type { AddressInfo } from "node:net";
import { HOST } from "../ports.ts";

/** The header by which a proxy with TLS says how a request reached it. */
export const BY_HTTPS = { "x-forwarded-proto": "https" };

export interface Door {
  readonly url: string;
  close(): Promise<void>;
}

/** Passes HTTP requests on to `target`, on 127.0.0.1, as if they had come over https. */
export function openHttpsDoor(target: number): Promise<Door> {
  const server = createServer((request, response) => {
    const headers = { ...request.headers, ...BY_HTTPS };
    const onward = ask({ host: HOST, port: target, method: request.method, path: request.url, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    // The archiver sees a broken connection, as it would without the door, and tries again.
    onward.once("error", () => response.destroy());
    request.pipe(onward);
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, HOST, () => {
      const { port } = server.address() as AddressInfo;
      resolve({
        url: `http://${HOST}:${port}`,
        close: () => new Promise((closed, failed) => {
          server.close((error) => (error === undefined ? closed() : failed(error)));
          server.closeAllConnections();
        }),
      });
    });
  });
}
