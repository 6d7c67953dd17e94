// Profiles, finding people, and whom this user has blocked.
import * as v from "valibot";
import type { Found, Profile, ProfilePatch, PublicProfile } from "../protocol/users.ts";
import { AnyAnswer } from "./answers.ts";
import type { Rest } from "./rest.ts";
import type { Message } from "./timeline.ts";

const shown = { user_id: v.string(), name: v.nullable(v.string()), handle: v.nullable(v.string()), avatar_key: v.nullable(v.string()) };
const FoundAnswer: v.GenericSchema<unknown, { users: Found[] }> = v.object({ users: v.array(v.object(shown)) });
const ProfileAnswer = v.object({ ...shown, custom: v.record(v.string(), v.unknown()), deactivated: v.exactOptional(v.literal(true)) });
const OwnAnswer: v.GenericSchema<unknown, Profile> = v.object({
  name: v.nullable(v.string()), handle: v.nullable(v.string()), avatar_key: v.nullable(v.string()),
  custom: v.record(v.string(), v.unknown()), hide_last_seen: v.boolean(), discoverable: v.boolean(),
});
const BlocksAnswer = v.object({ blocks: v.array(v.object({ user_id: v.string(), at: v.number() })) });

const USERS = "/v1/users";
const blockOf = (user_id: string) => `/v1/blocks/${encodeURIComponent(user_id)}`;

export class People {
  readonly #rest: Rest;

  constructor(rest: Rest) {
    this.#rest = rest;
  }

  /** Whose name has words that begin like these, or `@` and a whole handle. At least two characters; asked sparingly. */
  async find(q: string, signal?: AbortSignal): Promise<Found[]> {
    return (await this.#rest.call({ method: "GET", path: USERS, query: { q }, answer: FoundAnswer, signal })).users;
  }

  profile(user_id: string): Promise<PublicProfile> {
    return this.#rest.call({ method: "GET", path: `${USERS}/${encodeURIComponent(user_id)}`, answer: ProfileAnswer });
  }

  /** One's own, private fields and all. */
  own(): Promise<Profile> {
    return this.#rest.call({ method: "GET", path: `${USERS}/me`, answer: OwnAnswer });
  }

  /** Changes one's own; null takes away. Rejects with `handle_taken`. */
  async change(patch: ProfilePatch): Promise<void> {
    await this.#rest.call({ method: "PATCH", path: `${USERS}/me`, body: patch, answer: AnyAnswer });
  }

  /** Whom this user has blocked. */
  async blocked(): Promise<string[]> {
    const { blocks } = await this.#rest.call({ method: "GET", path: "/v1/blocks", answer: BlocksAnswer });
    return blocks.map(({ user_id }) => user_id);
  }

  /** No direct messages of theirs, and they see neither presence nor typing; nothing tells them. */
  async block(user_id: string, on: boolean): Promise<void> {
    await this.#rest.call({ method: on ? "PUT" : "DELETE", path: blockOf(user_id), answer: AnyAnswer });
  }

  /** To the operator. A message of an end-to-end encrypted conversation is named and not copied. */
  async report({ conversation_id, msg_id }: Message, reason: string): Promise<void> {
    await this.#rest.call({ method: "POST", path: "/v1/reports", body: { conversation_id, msg_id, reason }, answer: AnyAnswer });
  }
}
