// The objects as tests in workerd reach them: by their own calls, and with their storage open.
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import type { Env } from "../../durable-objects/platform/env.ts";
import { upgradeRequest } from "../../durable-objects/session/upgrade.ts";
import { decodeBinaryDown, encodeBinaryUp } from "../../protocol/codec-protobuf.ts";
import type { Encoding } from "../../protocol/encodings.ts";
import { directPairBytes } from "../../protocol/ids.ts";
import { sha256Hex } from "../../durable-objects/platform/hash.ts";
import type { ConversationCalls, SessionCalls } from "../../protocol/rpc.ts";

export const bindings = env as unknown as Env;

type ConversationStub = DurableObjectStub & ConversationCalls;
type SessionStub = DurableObjectStub & SessionCalls;

export function conversation(id: string): ConversationStub {
  return bindings.CONVERSATION.getByName(id) as unknown as ConversationStub;
}

export function session(user: string): SessionStub {
  return bindings.USER_SESSION.getByName(user) as unknown as SessionStub;
}

export function directId(a: string, b: string): string {
  return `d.${sha256Hex(directPairBytes(a, b))}`;
}

/** Rows of an object's storage, whatever the object would say. */
export async function rows(stub: DurableObjectStub, query: string): Promise<Record<string, unknown>[]> {
  return runInDurableObject(stub, (_object, state) => state.storage.sql.exec(query).toArray());
}

/** A device's socket, and everything that it got. */
export class Device {
  readonly frames: Record<string, unknown>[] = [];
  readonly texts: string[] = [];
  closed: { code: number } | null = null;
  private readonly ws: WebSocket;
  private readonly encoding: Encoding;
  private heard: (() => void) | null = null;

  private constructor(ws: WebSocket, encoding: Encoding) {
    this.ws = ws;
    this.encoding = encoding;
    ws.binaryType = "arraybuffer";
    ws.accept();
    ws.addEventListener("message", ({ data }) => {
      if (typeof data !== "string") {
        this.frames.push(...decodeBinaryDown(new Uint8Array(data as ArrayBuffer)));
        this.heard?.();
        return;
      }
      this.texts.push(data);
      if (data !== "pong") {
        const parsed = JSON.parse(data) as Record<string, unknown> | Record<string, unknown>[];
        this.frames.push(...(Array.isArray(parsed) ? parsed : [parsed]));
      }
      this.heard?.();
    });
    ws.addEventListener("close", ({ code }) => {
      this.closed = { code };
      this.heard?.();
    });
  }

  static async connect(user: string, deviceId: string, exp = Math.floor(Date.now() / 1_000) + 3_600, encoding: Encoding = "json", iat?: number): Promise<Device> {
    const response = await session(user).fetch(upgradeRequest({ device_id: deviceId, exp, encoding, ...(iat === undefined ? {} : { iat }) }));
    if (response.webSocket === null) throw new Error(`not upgraded: ${response.status}`);
    return new Device(response.webSocket, encoding);
  }

  send(frame: object | string): void {
    if (typeof frame === "string") this.ws.send(frame);
    else this.ws.send(this.encoding === "json" ? JSON.stringify(frame) : encodeBinaryUp([frame]));
  }

  close(): void {
    this.ws.close(1000, "bye");
  }

  /** Waits for the next frame or close until one fits. */
  async until(fits: (device: Device) => boolean): Promise<void> {
    while (!fits(this)) {
      await new Promise<void>((resolve) => {
        this.heard = resolve;
      });
    }
  }

  messages(): unknown[] {
    return this.frames.filter((frame) => frame["type"] === "msg").map((frame) => frame["content"]);
  }
}
