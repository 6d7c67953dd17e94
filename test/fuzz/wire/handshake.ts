// Upgrade requests, byte by byte: good ones, and ones that are wrong in one way.
import { randomBytes } from "node:crypto";
import type { Random } from "../../../verify/random.ts";

export interface Handshake {
  token: string;
  /** Offers compression. */
  deflate?: boolean;
}

export function upgradeRequest({ token, deflate = false }: Handshake): string {
  return [
    "GET /v1/ws?device_id=fuzz HTTP/1.1", "Host: 127.0.0.1", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`, "Sec-WebSocket-Protocol: chat.v1.json", `Authorization: Bearer ${token}`,
    ...(deflate ? ["Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"] : []), "", "",
  ].join("\r\n");
}

type Change = (request: string, random: Random) => string | Uint8Array;

const header = (name: string, value: string): Change => (request) => request.replace(new RegExp(`^${name}: .*$`, "m"), `${name}: ${value}`);
const without = (name: string): Change => (request) => request.replace(new RegExp(`^${name}: .*\r\n`, "m"), "");
const adding = (line: string): Change => (request) => request.replace("Connection:", `${line}\r\nConnection:`);
const firstLine = (line: string): Change => (request) => request.replace(/^.*/, line);

/** None of these is an upgrade that a server has to grant. */
export const BAD_UPGRADES: readonly (readonly [string, Change])[] = [
  ["no key", without("Sec-WebSocket-Key")], ["no version", without("Sec-WebSocket-Version")], ["version 12", header("Sec-WebSocket-Version", "12")],
  ["version a word", header("Sec-WebSocket-Version", "thirteen")], ["no Upgrade", without("Upgrade")], ["Upgrade: h2c", header("Upgrade", "h2c")],
  ["POST", firstLine("POST /v1/ws HTTP/1.1")], ["PUT with a body", (request) => `${firstLine("PUT /v1/ws HTTP/1.1")(request, null as never) as string}x`],
  ["a method of its own", firstLine("CHAT /v1/ws HTTP/1.1")], ["no method", firstLine("/v1/ws HTTP/1.1")], ["HTTP/0.9", firstLine("GET /v1/ws")],
  ["HTTP/3.7", firstLine("GET /v1/ws HTTP/3.7")], ["no path", firstLine("GET HTTP/1.1")], ["a path of 100,000 characters", firstLine(`GET /v1/ws?${"x".repeat(100_000)} HTTP/1.1`)],
  ["a header of 200,000 characters", adding(`X-Long: ${"x".repeat(200_000)}`)], ["3,000 headers", adding(Array.from({ length: 3_000 }, (_, i) => `X-${i}: 1`).join("\r\n"))],
  ["a header without a colon", adding("nonsense")], ["a NUL in a header", adding("X-Nul: a\0b")], ["a header that begins with a blank", adding(" X: folded")],
  ["a token with control characters", header("Authorization", "Bearer \x01\x02\x7f")], ["no token", without("Authorization")], ["Basic", header("Authorization", "Basic YTpi")],
  ["a token of another form", header("Authorization", "Bearer a.b.c")], ["two tokens", adding("Authorization: Bearer other")],
  ["a device that is none", firstLine("GET /v1/ws?device_id=a%20b HTTP/1.1")], ["a subprotocol that is none", header("Sec-WebSocket-Protocol", "chat.v9")],
  ["a length that is none", adding("Content-Length: many")], ["two lengths", adding("Content-Length: 1\r\nContent-Length: 2")],
  ["chunks that are none", (request) => `${adding("Transfer-Encoding: chunked")(request, null as never) as string}zz\r\n`],
  ["TLS", () => Buffer.from("160301020001000001fc0303", "hex")], ["HTTP/2", () => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
  ["bytes", (_request, random) => Buffer.from(Array.from({ length: 400 }, () => random.int(0, 255)))],
  ["a byte changed", (request, random) => {
    const bytes = Buffer.from(request);
    bytes[random.int(0, bytes.length - 1)] = random.int(0, 255);
    return bytes;
  }],
  ["cut", (request, random) => request.slice(0, random.int(1, request.length - 1))],
];
