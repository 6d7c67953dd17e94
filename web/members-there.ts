// Who of a group is online, while the group's page is open and no longer: one request for all of its members.
import type { ConfabClient } from "../client/client.ts";
import { element } from "./element.ts";

/** What one request asks for. */
const MOST = 200;

export class MembersThere {
  readonly #client: ConfabClient;
  readonly #signs = new Map<string, HTMLElement>();
  readonly #off: () => void;
  #unwatch: () => void = () => undefined;

  constructor(client: ConfabClient) {
    this.#client = client;
    this.#off = client.on("presence", (user_id) => this.#show(user_id));
  }

  /** These are the members now; who was one before and is still is not asked again. */
  watch(users: readonly string[]): void {
    const before = this.#unwatch;
    this.#unwatch = this.#client.watch(users.filter((user_id) => user_id !== this.#client.user_id).slice(0, MOST));
    before();
    this.#signs.clear();
  }

  /** Says whether a member is there, and goes on saying so. */
  sign(user_id: string): HTMLElement {
    const made = element("span", { class: "hint" });
    this.#signs.set(user_id, made);
    this.#show(user_id);
    return made;
  }

  destroy(): void {
    this.#off();
    this.#unwatch();
  }

  #show(user_id: string): void {
    const sign = this.#signs.get(user_id);
    if (sign !== undefined) sign.textContent = this.#client.presence(user_id)?.status === "ONLINE" ? "online" : "";
  }
}
