// A world: all objects, the Worker, devices, archivers, the network between them and one clock, from one seed.
import app, * as product from "confab:worker";
import { Archive } from "./archive.ts";
import { Chance } from "./chance.ts";
import { Clock, newOwner } from "./clock.ts";
import { Device } from "./device.ts";
import { type Faults, healed } from "./faults.ts";
import { enter } from "./globals.ts";
import { Lost, Network } from "./network.ts";
import { sign } from "./runtime/jose.ts";
import { Home, type ObjectClass, type Platform } from "./runtime/objects.ts";
import { carriedBy, type End } from "./runtime/sockets.ts";
import { Trace } from "./trace.ts";

const START = Date.UTC(2026, 10, 30, 23, 59, 0);
const SECRET = "a secret for simulations, 32 bytes";
const KINDS: Record<string, ObjectClass> = {
  conversation: product.Conversation, session: product.UserSession, directory: product.Directory, reports: product.Reports, blob: product.Blob,
};

export interface WorldPorts {
  /** Something became durable. */
  committed(home: Home): void;
  listen(device: Device): void;
  /** What must never happen, happened. */
  broken(rule: string, what: string): void;
}

export class World {
  readonly nobody = newOwner("platform");
  readonly trace: Trace;
  readonly clock: Clock;
  readonly network: Network;
  readonly archive: Archive;
  readonly homes = new Map<string, Home>();
  readonly devices: Device[] = [];
  faults: Faults = healed();
  readonly #chance: (stream: string) => Chance;
  readonly #env: Record<string, unknown>;
  readonly #ports: WorldPorts;
  readonly #platform: Platform;
  readonly #wires: Chance;

  /** @param settings variables of the environment */
  constructor(seed: number, settings: Record<string, string>, traced: boolean, ports: WorldPorts) {
    this.#ports = ports;
    this.#chance = (stream) => new Chance(seed, stream);
    this.trace = new Trace(traced);
    this.clock = new Clock(START, this.nobody, (owner, what) => this.trace.happened(this.clock.now - START, owner.name, what), (error) => ports.broken("no error is thrown to nobody", told(error)));
    this.#wires = this.#chance("wires");
    this.network = new Network({
      clock: this.clock, chance: this.#wires, nobody: this.nobody, faults: () => this.faults, home: (kind, name) => this.home(kind, name),
      noted: (what) => this.trace.noted(what),
    });
    this.archive = new Archive({
      clock: this.clock, chance: this.#chance("archive"), network: this.network, faults: () => this.faults, secret: SECRET,
      failed: (what, error) => ports.broken(`${what} does not fail`, told(error)),
    });
    this.#platform = this.#newPlatform(this.#chance("platform"));
    this.#env = {
      CONVERSATION: this.network.namespace("conversation"), USER_SESSION: this.network.namespace("session"), DIRECTORY: this.network.namespace("directory"),
      REPORTS: this.network.namespace("reports"), BLOB: this.network.namespace("blob"), SETTINGS: {}, SEGMENTS: this.archive.binding(),
      ENVIRONMENT: "development", AUTH_ISSUER: "https://auth.test", AUTH_AUDIENCE: "confab", AUTH_SECRET: SECRET, ARCHIVE: "on", ARCHIVE_SECRET: SECRET,
      ARCHIVER_URL: "http://archiver.test", ...settings,
    };
  }

  async open(): Promise<void> {
    enter({ clock: this.clock, chance: this.#chance("product"), fetch: (url, init) => this.#fetch(url, init), logged: (line) => this.trace.said(line) });
    carriedBy(this.network);
    await this.archive.open();
  }

  close(): void {
    enter(null);
    carriedBy(null);
    for (const { storage } of this.homes.values()) storage.close();
  }

  home(kind: string, name: string): Home {
    const key = `${kind} ${name}`;
    const known = this.homes.get(key);
    if (known !== undefined) return known;
    const home = new Home(kind, name, KINDS[kind] as ObjectClass, this.#env, this.nobody, this.#platform);
    this.homes.set(key, home);
    return home;
  }

  addDevice(user_id: string, device_id: string, polls: boolean): Device {
    const device: Device = new Device(user_id, device_id, polls, {
      clock: this.clock, chance: this.#chance(device_id), token: (user) => this.token(user), listen: (one) => this.#ports.listen(one),
      upgrade: (one, url, protocols) => this.#upgrade(one, url, protocols), request: (one, url, init) => this.#request(one, url, init),
      closeSocket: (end) => this.network.cut(end, 3_000),
    });
    this.devices.push(device);
    return device;
  }

  token(sub: string, scope?: string): string {
    const iat = Math.floor(this.clock.now / 1_000);
    return sign({ sub, iat, exp: iat + 3_600, iss: "https://auth.test", aud: "confab", ...(scope === undefined ? {} : { scope }) }, new TextEncoder().encode(SECRET));
  }

  /** Runs until a time, ms from now, or until nothing waits. */
  runFor(ms: number): void {
    const end = this.clock.now + ms;
    for (let next = this.clock.next; next !== null && next <= end; next = this.clock.next) this.clock.step();
    this.clock.now = Math.max(this.clock.now, end);
  }

  #newPlatform(chance: Chance): Platform {
    return {
      clock: this.clock,
      commitDelay: () => (chance.is(this.faults.commit_slow) ? chance.skewed(5, 1_500) : chance.skewed(0, 3)),
      alarmDelay: () => {
        if (chance.is(this.faults.alarm_lost)) return "never";
        return chance.is(this.faults.alarm_late) ? chance.skewed(100, 60_000) : chance.skewed(0, 20);
      },
      alarmTwice: () => chance.is(this.faults.alarm_twice),
      committed: (home) => this.#ports.committed(home),
      failed: (home, what, error) => this.#ports.broken(`${what} never fails`, `${home.label}: ${told(error)}`),
    };
  }

  /** From the archiver to the Worker, and from the Worker to the archiver. */
  #fetch(url: string, init: RequestInit): Promise<Response> {
    const fate = this.network.fate(this.faults.request_lost);
    const { signal, ...rest } = init;
    const call = this.network.effect(`${init.method ?? "GET"} ${url.slice(0, 60)}`, fate, () => this.#wires.skewed(1, 40), () => (
      url.startsWith("http://archiver.test") ? this.archive.read(url, rest) : this.#answer(new Request(url, rest))));
    return abortable(call, signal ?? null);
  }

  #request(device: Device, url: string, init: RequestInit): Promise<Response> {
    const fate = device.online ? this.network.fate(this.faults.request_lost) : "lost";
    const { signal, ...rest } = init;
    const path = url.slice("https://chat.test".length, 90);
    const call = this.network.effect(`${init.method ?? "GET"} ${path} ${device.device_id}`, fate, () => this.#wires.skewed(2, 150), () => this.#answer(new Request(url, rest)));
    return abortable(call, signal ?? null);
  }

  async #upgrade(device: Device, url: string, protocols: string[]): Promise<End | null> {
    const refused = device.polls || !device.online || this.#wires.is(this.faults.request_lost / 2);
    try {
      const end = await this.network.effect(`upgrade ${device.device_id}`, refused ? "lost" : "done", () => this.#wires.skewed(2, 150), async () => {
        const response = await this.#answer(new Request(url.replace(/^ws/, "http"), { headers: { Upgrade: "websocket", "Sec-WebSocket-Protocol": protocols.join(", ") } }));
        const { webSocket = null } = response as Response & { webSocket?: End };
        if (webSocket === null) return null;
        Object.assign(webSocket.line, { name: device.device_id, latency: this.#wires.skewed(2, 120) });
        // Nobody is there any more who asked for it.
        if (this.#wires.is(this.faults.request_lost / 2)) {
          this.network.cut(webSocket, 30_000);
          return null;
        }
        return webSocket;
      });
      return end;
    } catch (error) {
      if (error instanceof Lost) return null;
      throw error;
    }
  }

  async #answer(request: Request): Promise<Response> {
    const response = await app.fetch(request, this.#env, { waitUntil: () => undefined, passThroughOnException: () => undefined });
    if (response.status >= 500 && response.status !== 503) this.#expectInfrastructure(request, response);
    return response;
  }

  /** An object that died under a request is a 500 today: it says nothing of the product. */
  #expectInfrastructure(request: Request, response: Response): void {
    this.trace.said(`${response.status} to ${request.url}`);
  }
}

function told(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** As `fetch` does. */
function abortable<T>(call: Promise<T>, signal: AbortSignal | null): Promise<T> {
  const asFetch = call.catch((error: unknown) => {
    throw error instanceof Lost ? new TypeError("fetch failed", { cause: error }) : error;
  });
  if (signal === null) return asFetch;
  return new Promise((resolve, reject) => {
    const aborted = (): void => reject(signal.reason as Error);
    if (signal.aborted) aborted();
    signal.addEventListener("abort", aborted);
    asFetch.then(resolve, reject);
  });
}
