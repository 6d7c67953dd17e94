// A network between the client and the product that a test commands: cuts, half-open sockets, lost frames, no way through.
import { type Environment, type SocketLike, systemEnvironment } from "../../client/environment.ts";

export class Flaky implements Environment {
  /** Paths of all HTTP calls, in order. */
  readonly calls: string[] = [];
  /** Looks at each incoming text; false: it is lost. */
  arrives: (text: string) => boolean = () => true;
  sockets = 0;
  private down = false;
  private readonly open = new Set<FlakySocket>();

  now = () => systemEnvironment.now();
  later = (ms: number, run: () => void) => systemEnvironment.later(ms, run);
  random = () => systemEnvironment.random();
  uuid = () => systemEnvironment.uuid();

  openSocket(url: string, protocols: string[]): SocketLike {
    this.sockets += 1;
    const socket = new FlakySocket(this.down ? "ws://127.0.0.1:9" : url, protocols, (text) => this.arrives(text));
    this.open.add(socket);
    socket.addEventListener("close", () => this.open.delete(socket));
    return socket;
  }

  fetch(url: string, init: RequestInit): Promise<Response> {
    const { pathname, search } = new URL(url);
    this.calls.push(pathname + search);
    return this.down ? Promise.reject(new TypeError("no way through")) : systemEnvironment.fetch(url, init);
  }

  /** Nothing gets through until `heal`; what is open breaks. */
  partition(): void {
    this.down = true;
    this.cut();
  }

  heal(): void {
    this.down = false;
  }

  cut(): void {
    for (const socket of this.open) socket.cut();
  }

  /** The sockets stay open, and nothing goes in or out. */
  halfOpen(): void {
    for (const socket of this.open) socket.halfOpen();
  }
}

type Listener = (event: { data: unknown; code: number; reason: string }) => void;

class FlakySocket implements SocketLike {
  private readonly socket: WebSocket;
  private readonly listeners = new Map<string, Set<Listener>>();
  private dead = false;

  constructor(url: string, protocols: string[], arrives: (text: string) => boolean) {
    this.socket = new WebSocket(url, protocols);
    this.socket.addEventListener("open", () => this.tell("open"));
    this.socket.addEventListener("error", () => this.tell("error"));
    this.socket.addEventListener("close", ({ code, reason }) => this.tell("close", { code, reason }));
    this.socket.addEventListener("message", ({ data }) => {
      if (arrives(String(data))) this.tell("message", { data });
    });
  }

  send(text: string): void {
    if (!this.dead) this.socket.send(text);
  }

  close(code?: number, reason?: string): void {
    this.socket.close(code, reason);
  }

  addEventListener(type: string, listener: unknown): void {
    const known = this.listeners.get(type) ?? new Set();
    known.add(listener as Listener);
    this.listeners.set(type, known);
  }

  /** Both sides hear of it, each in its own time. */
  cut(): void {
    this.tell("close", { code: 1006, reason: "cut" });
    this.dead = true;
    this.socket.close();
  }

  halfOpen(): void {
    this.dead = true;
  }

  private tell(type: string, event: Partial<Parameters<Listener>[0]> = {}): void {
    if (this.dead) return;
    for (const listener of this.listeners.get(type) ?? []) listener({ data: null, code: 1006, reason: "", ...event });
  }
}
