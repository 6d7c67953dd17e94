// A TCP connection on which anything may be written, and what the server says on it.
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { constants, inflateRawSync } from "node:zlib";

export interface Outcome {
  /** Of the upgrade. */
  status: number;
  /** The server's close frame; null: it sent none. 1005: one without a code. */
  close: number | null;
  /** Text and binary messages from the server, put together again. */
  messages: string[];
  pongs: number;
  /** The connection ended or was reset by the server. */
  ended: boolean;
  /** The first thing about the server's own frames that is not as the protocol has it. */
  wrong: string | null;
  /** Frames that the server sent after its own close: the runtime does so with answers that were on their way. */
  late: number;
}

const MAX_HEAD = 64 * 1024;

export class RawConnection {
  readonly outcome: Outcome = { status: 0, close: null, messages: [], pongs: 0, ended: false, wrong: null, late: 0 };
  private readonly socket: Socket;
  private head: Buffer = Buffer.alloc(0);
  private upgraded = false;
  private received: Buffer = Buffer.alloc(0);
  private fragments: Buffer[] = [];
  private compressed = false;
  private stream: Buffer = Buffer.alloc(0);
  private inflatedUnits = 0;
  private readonly listeners = new Set<() => void>();

  static async open(port: number): Promise<RawConnection> {
    const socket = connect({ host: "127.0.0.1", port, noDelay: true });
    const connection = new RawConnection(socket);
    await once(socket, "connect");
    return connection;
  }

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (bytes: Buffer) => {
      this.read(bytes);
      this.tell();
    });
    // A reset is an end as well.
    socket.on("error", () => this.end());
    socket.on("close", () => this.end());
  }

  /** Resolves with what the head of an HTTP answer says; 0 when there is none. */
  async upgrade(request: string | Uint8Array): Promise<number> {
    this.write(request);
    await this.until(() => this.outcome.status !== 0);
    return this.outcome.status;
  }

  get headText(): string {
    return this.head.toString("latin1");
  }

  write(bytes: string | Uint8Array): void {
    if (this.socket.writable) this.socket.write(bytes);
  }

  /** Resolves when it is so, the server has ended the connection, or `ms` have passed: false only then. */
  until(so: () => boolean, ms = 10_000): Promise<boolean> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!so() && !this.outcome.ended) return;
        clearTimeout(timer);
        this.listeners.delete(look);
        resolve(true);
      };
      const timer = setTimeout(() => {
        this.listeners.delete(look);
        resolve(false);
      }, ms);
      this.listeners.add(look);
      look();
    });
  }

  /** Ends this side of it. */
  half(): void {
    this.socket.end();
  }

  destroy(): void {
    this.socket.destroy();
  }

  private end(): void {
    this.outcome.ended = true;
    this.tell();
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }

  private read(bytes: Buffer): void {
    if (this.upgraded) {
      this.frames(bytes);
      return;
    }
    this.head = Buffer.concat([this.head, bytes]).subarray(0, MAX_HEAD);
    const status = /^HTTP\/1\.[01] (\d{3})/.exec(this.headText.slice(0, 16))?.[1];
    const end = this.head.indexOf("\r\n\r\n");
    if (status === undefined || end === -1) return;
    this.outcome.status = Number(status);
    if (status !== "101") return;
    this.upgraded = true;
    const rest = this.head.subarray(end + 4);
    this.head = this.head.subarray(0, end + 4);
    this.frames(rest);
  }

  private frames(bytes: Buffer): void {
    this.received = Buffer.concat([this.received, bytes]);
    for (;;) {
      const { received } = this;
      if (received.length < 2) return;
      const [first, second] = [received[0] as number, received[1] as number];
      const small = second & 0x7f;
      const header = 2 + (small === 126 ? 2 : small === 127 ? 8 : 0);
      if (received.length < header) return;
      const length = small === 126 ? received.readUInt16BE(2) : small === 127 ? Number(received.readBigUInt64BE(2)) : small;
      if (received.length < header + length) return;
      const payload = received.subarray(header, header + length);
      this.received = received.subarray(header + length);
      if ((second & 0x80) !== 0) this.outcome.wrong ??= "a masked frame";
      if (this.outcome.close !== null) this.outcome.late += 1;
      this.frame(first & 0x0f, (first & 0x80) !== 0, (first >> 4) & 7, payload);
    }
  }

  private frame(opcode: number, fin: boolean, reserved: number, payload: Buffer): void {
    const { outcome } = this;
    if (opcode === 8) outcome.close ??= payload.length < 2 ? 1005 : payload.readUInt16BE(0);
    else if (opcode === 10) outcome.pongs += 1;
    else if (opcode === 9) this.write(Buffer.from([0x8a, 0x80, 0, 0, 0, 0]));
    else if (opcode > 2) outcome.wrong ??= `opcode ${opcode}`;
    else {
      if (opcode !== 0) this.compressed = reserved === 4;
      this.fragments.push(payload);
      if (!fin) return;
      outcome.messages.push(this.compressed ? this.inflated() : Buffer.concat(this.fragments).toString());
      this.fragments = [];
    }
  }

  /** With the window of the messages before it. */
  private inflated(): string {
    this.stream = Buffer.concat([this.stream, ...this.fragments, Buffer.from([0, 0, 0xff, 0xff])]);
    const all = inflateRawSync(this.stream, { finishFlush: constants.Z_SYNC_FLUSH }).toString();
    const message = all.slice(this.inflatedUnits);
    this.inflatedUnits = all.length;
    return message;
  }
}
