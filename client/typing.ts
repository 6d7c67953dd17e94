// Who is writing: this user's own typing, told at most so often, and that of others, which ends by itself. And which
// conversations this device shows, since typing goes there alone.
import { OPEN_CONVERSATIONS, TYPING_EVERY_MS, TYPING_MS } from "../protocol/limits.ts";
import type { Environment } from "./environment.ts";

export interface TypingHandlers {
  /** False where nothing can be written now; typing is not told later. */
  write(frames: readonly object[]): boolean;
  /** A conversation that is not there yet can't be opened: its first message makes it. */
  exists(conversation_id: string): boolean;
  /** Who is writing there has changed. */
  changed(conversation_id: string): void;
}

export class Typing {
  readonly #environment: Environment;
  readonly #handlers: TypingHandlers;
  /** When this user's typing was told last, by conversation. */
  readonly #told = new Map<string, number>();
  /** By conversation and user: what ends it. */
  readonly #shown = new Map<string, Map<string, () => void>>();
  /** How many views show a conversation; the last opened at the end. */
  readonly #open = new Map<string, number>();

  constructor(environment: Environment, handlers: TypingHandlers) {
    this.#environment = environment;
    this.#handlers = handlers;
  }

  /** This user writes, or stopped to. May be called with every key. */
  mine(conversation_id: string, on: boolean): void {
    const now = this.#environment.now();
    const told = this.#told.get(conversation_id) ?? Number.NEGATIVE_INFINITY;
    const since = Math.abs(now - told);
    if ((on ? since < TYPING_EVERY_MS : since >= TYPING_MS) || !this.#handlers.exists(conversation_id)) return;
    if (on) this.#told.set(conversation_id, now);
    else this.#told.delete(conversation_id);
    this.#handlers.write([{ type: "typing", conversation_id, on }]);
  }

  /** A message went out: that ends it at the others too. */
  sent(conversation_id: string): void {
    this.#told.delete(conversation_id);
  }

  shown(conversation_id: string, user_id: string, on: boolean): void {
    const users = this.#shown.get(conversation_id) ?? new Map<string, () => void>();
    const known = users.get(user_id);
    known?.();
    users.delete(user_id);
    if (on) {
      this.#shown.set(conversation_id, users);
      users.set(user_id, this.#environment.later(TYPING_MS, () => this.shown(conversation_id, user_id, false)));
    }
    if (users.size === 0) this.#shown.delete(conversation_id);
    if ((known !== undefined) !== on) this.#handlers.changed(conversation_id);
  }

  /** In the order in which they began. */
  of(conversation_id: string): readonly string[] {
    return [...(this.#shown.get(conversation_id)?.keys() ?? [])];
  }

  /** A view shows the conversation; the result ends that. */
  open(conversation_id: string): () => void {
    const views = this.#open.get(conversation_id) ?? 0;
    this.#open.set(conversation_id, views + 1);
    if (views === 0) this.begun(conversation_id);
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      const left = (this.#open.get(conversation_id) ?? 1) - 1;
      if (left > 0) this.#open.set(conversation_id, left);
      else this.#close(conversation_id);
    };
  }

  isOpen(conversation_id: string): boolean {
    return this.#open.has(conversation_id);
  }

  /** The conversation exists, perhaps only now. */
  begun(conversation_id: string): void {
    if (this.isOpen(conversation_id) && this.#handlers.exists(conversation_id)) this.#handlers.write([{ type: "open", conversation_id }]);
  }

  connected(): void {
    const there = [...this.#open.keys()].filter((conversation_id) => this.#handlers.exists(conversation_id));
    const frames = there.slice(-OPEN_CONVERSATIONS).map((conversation_id) => ({ type: "open", conversation_id }));
    if (frames.length > 0) this.#handlers.write(frames);
  }

  disconnected(): void {
    this.#told.clear();
    for (const [conversation_id, users] of this.#shown) for (const user_id of users.keys()) this.shown(conversation_id, user_id, false);
  }

  #close(conversation_id: string): void {
    this.#open.delete(conversation_id);
    for (const user_id of this.of(conversation_id)) this.shown(conversation_id, user_id, false);
    if (this.#handlers.exists(conversation_id)) this.#handlers.write([{ type: "close", conversation_id }]);
  }
}
