// The line below the open conversation's name: who is writing, else whether the other one is there, or how many members.
import type { ConfabClient } from "../client/client.ts";
import { element } from "./element.ts";
import { lastSeen } from "./times.ts";

export class PaneStatus {
  /** Typing comes and goes: screen readers are told, and only of the newest. */
  readonly element = element("p", { class: "pane-status", role: "status" });
  readonly #client: ConfabClient;
  readonly #conversation_id: string;
  readonly #peer: string | null;
  readonly #unwatch: () => void;
  readonly #off: (() => void)[];
  readonly #timer: ReturnType<typeof setInterval>;

  /** @param peer the other person; null for a group */
  constructor(client: ConfabClient, conversation_id: string, peer: string | null) {
    this.#client = client;
    this.#conversation_id = conversation_id;
    this.#peer = peer;
    this.#unwatch = client.watch(peer === null || peer === client.user_id ? [] : [peer]);
    this.#off = [
      client.on("typing", (changed) => changed === conversation_id && this.update()),
      client.on("presence", (changed) => changed === peer && this.update()),
    ];
    // "5 minutes ago" grows old.
    this.#timer = setInterval(() => this.update(), 30_000);
    this.update();
  }

  update(): void {
    const typing = this.#client.conversation(this.#conversation_id)?.typing ?? [];
    const text = typing.length > 0 ? typingText(typing, this.#peer !== null) : this.#presence();
    this.element.classList.toggle("typing", typing.length > 0);
    if (this.element.textContent !== text) this.element.textContent = text;
  }

  destroy(): void {
    clearInterval(this.#timer);
    this.#unwatch();
    for (const off of this.#off) off();
  }

  #presence(): string {
    const presence = this.#peer === null ? null : this.#client.presence(this.#peer);
    if (presence === null) return "";
    if (presence.status === "ONLINE") return "Online";
    return presence.last_seen === null ? "" : `Last seen ${lastSeen(presence.last_seen, Date.now())}`;
  }
}

function typingText(users: readonly string[], direct: boolean): string {
  if (direct) return "is writing…";
  const [first = "", second] = users;
  if (second === undefined) return `${first} is writing…`;
  return users.length === 2 ? `${first} and ${second} are writing…` : "Several people are writing…";
}
