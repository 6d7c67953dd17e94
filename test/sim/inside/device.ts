// A user's device: the real client, over the simulated network. Its store outlives it; all else goes when it is reloaded.
import { type ConfabClient, connect, MemoryOutboxStore } from "../../../client/client.ts";
import type { Environment, SocketLike } from "../../../client/environment.ts";
import type { Chance } from "./chance.ts";
import { type Clock, newOwner, type Owner } from "./clock.ts";
import type { Carried, End } from "./runtime/sockets.ts";

export interface DevicePorts {
  clock: Clock;
  chance: Chance;
  /** The upgrade's answer: a socket, or a refusal. */
  upgrade(device: Device, url: string, protocols: string[]): Promise<End | null>;
  request(device: Device, url: string, init: RequestInit): Promise<Response>;
  token(user_id: string): string;
  /** Right after it was made, and after each reload: who wants to hear of it listens. */
  listen(device: Device, client: ConfabClient): void;
  closeSocket(end: End): void;
}

type Listener = (event: never) => void;

class DeviceSocket implements SocketLike {
  binaryType = "blob";
  #end: End | null = null;
  #closed = false;
  readonly #listeners = new Map<string, Listener[]>();

  bind(end: End, owner: Owner, clock: Clock): void {
    if (this.#closed) {
      end.close(1000, "");
      return;
    }
    this.#end = end;
    this.#tell("open", {});
    end.receivedBy((carried) => clock.as(owner, () => this.#arrived(carried)));
  }

  send(text: string): void {
    if (this.#end?.readyState === 1) this.#end.send(text);
  }

  close(code = 1000, reason = ""): void {
    this.#closed = true;
    this.#end?.close(code, reason);
  }

  addEventListener(type: string, listener: Listener): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }

  refused(): void {
    this.#tell("error", {});
    this.#tell("close", { code: 1006, reason: "" });
  }

  #arrived(carried: Carried): void {
    if (carried.kind === "message") this.#tell("message", { data: carried.data });
    else {
      // The other side's goodbye is answered by the runtime.
      if (this.#end?.readyState === 1 && carried.clean) this.#end.close(carried.code, "");
      if (this.#end !== null) this.#end.readyState = 3;
      this.#tell("close", { code: carried.code, reason: carried.reason });
    }
  }

  #tell(type: string, event: object): void {
    for (const listener of this.#listeners.get(type) ?? []) listener(event as never);
  }
}

export class Device {
  readonly user_id: string;
  readonly device_id: string;
  readonly store = new MemoryOutboxStore();
  /** Some networks let no socket through. */
  readonly polls: boolean;
  owner: Owner;
  client!: ConfabClient;
  lives = 0;
  online = true;
  /** Its sockets that are open or coming. */
  readonly sockets = new Set<End>();
  readonly #ports: DevicePorts;

  constructor(user_id: string, device_id: string, polls: boolean, ports: DevicePorts) {
    this.user_id = user_id;
    this.device_id = device_id;
    this.polls = polls;
    this.#ports = ports;
    this.owner = newOwner(device_id);
    this.start();
  }

  start(): void {
    this.owner = newOwner(`${this.device_id}#${++this.lives}`);
    const { clock } = this.#ports;
    clock.as(this.owner, () => {
      this.client = connect({
        url: "https://chat.test", token: () => this.#ports.token(this.user_id), device_id: this.device_id, store: this.store,
        user_id: this.user_id, environment: this.#environment(this.owner),
      });
      this.#ports.listen(this, this.client);
    });
  }

  /** The page goes without a word, and comes again with what its store has. */
  reload(): void {
    this.die();
    this.start();
  }

  die(): void {
    this.owner.alive = false;
    for (const end of this.sockets) this.#ports.closeSocket(end);
    this.sockets.clear();
  }

  /** Runs in the device's name. */
  act(run: (client: ConfabClient) => void): void {
    this.#ports.clock.as(this.owner, () => run(this.client));
  }

  #environment(owner: Owner): Environment {
    const { clock, chance } = this.#ports;
    return {
      now: () => clock.now,
      later: (ms, run) => clock.after(owner, ms, "client timer", run).cancel,
      random: () => chance.next(),
      uuid: () => `${this.device_id}-${chance.below(2 ** 31).toString(36)}-${chance.below(2 ** 31).toString(36)}`,
      openSocket: (url, protocols) => this.#openSocket(owner, url, protocols),
      fetch: (url, init) => this.#ports.request(this, url, init),
      put: () => Promise.reject(new TypeError("no store of files here")),
    };
  }

  #openSocket(owner: Owner, url: string, protocols: string[]): DeviceSocket {
    const socket = new DeviceSocket();
    void this.#ports.upgrade(this, url, protocols).then((end) => {
      if (!owner.alive) {
        if (end !== null) this.#ports.closeSocket(end);
        return;
      }
      if (end === null) {
        socket.refused();
        return;
      }
      this.sockets.add(end);
      socket.bind(end, owner, this.#ports.clock);
    });
    return socket;
  }
}
