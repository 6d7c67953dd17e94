// The started product with one of each actor in it, and conversations for them to stand before.
import { readFileSync } from "node:fs";
import path from "node:path";
import type { Event } from "../../protocol/events.ts";
import { newUser, operator, statsOf, User } from "../e2e/api.ts";
import { AUTH_ENV, claims, seconds, sign } from "../e2e/tokens.ts";
import { png } from "../media/samples.ts";
import { kindFile, sendFile } from "../media/sending.ts";
import { type Product, startProduct } from "../product.ts";
import { type Actor, type Place, USERS } from "./actors.ts";

/** A group in which everybody is who they are called, and a message of the member in it. */
export type Scene = Pick<Place, "conversation_id" | "msg_id" | "seq" | "media_key" | "invite">;

/** Well formed, and nowhere. */
export const ABSENT: Scene = { conversation_id: `g.${"0".repeat(32)}`, msg_id: "00000000-0000-7000-8000-000000000000", seq: 1, media_key: `m/${"0".repeat(64)}`, invite: { invite_id: "0".repeat(16), token: "none" } };

const FILE = kindFile("image", "image/png", png());

/** As the archiver has it: good for a minute, and made anew for each request. */
export function archiverToken({ dataDir }: Product): Promise<string> {
  const { ARCHIVE_SECRET } = JSON.parse(readFileSync(path.join(dataDir, "secrets.json"), "utf8")) as { ARCHIVE_SECRET: string };
  return sign({ scope: "archive", aud: "confab-edge", iat: seconds(), exp: seconds(60) }, ARCHIVE_SECRET);
}

export class World {
  readonly product: Product;
  readonly people: Readonly<Record<Actor | "peer" | "outsider", User>>;
  /** Of the owner and the blocked one. */
  private readonly direct: Omit<Scene, "invite">;
  private keys = 0;

  static async start(): Promise<World> {
    const product = await startProduct({ env: { ...AUTH_ENV, CONFAB_RATE_LIMIT: "0", CONFAB_CREDIT_EVENTS: "0" } });
    try {
      return await World.populate(product);
    } catch (error) {
      await product.discard();
      throw error;
    }
  }

  private static async populate(product: Product): Promise<World> {
    const names = [...USERS, "peer", "outsider", "deactivated", "revoked"] as const;
    const users = Object.fromEntries(await Promise.all(names.map(async (name) => [name, await newUser(product, name)]))) as Record<(typeof names)[number], User>;
    const people = {
      ...users,
      anonymous: new User(product, "anonymous", ""),
      expired: new User(product, users.owner.name, await sign(claims(users.owner.name, { iat: seconds(-600), exp: seconds(-60) }))),
      service: await operator(product),
      archiver: new User(product, "archiver", await archiverToken(product)),
    };
    await people.service.call("POST", `/v1/admin/users/${users.deactivated.name}/deactivate`);
    await people.service.call("POST", `/v1/admin/users/${users.revoked.name}/revoke`);
    await users.blocked.send(users.owner, "before");
    const ack = await users.owner.send(users.blocked, "hello");
    const { media_key } = await sendFile(users.owner, users.blocked, FILE);
    await users.owner.call("PUT", `/v1/blocks/${users.blocked.name}`);
    const { conversation_id, msg_id, seq } = ack;
    return new World(product, people, { conversation_id, msg_id, seq, media_key });
  }

  private constructor(product: Product, people: World["people"], direct: World["direct"]) {
    this.product = product;
    this.people = people;
    this.direct = direct;
  }

  async scene(): Promise<Scene> {
    const { owner, admin, member, peer, removed, banned } = this.people;
    const { conversation_id } = await owner.group([admin, member, peer, removed]);
    const ack = await member.send(conversation_id, "x");
    const { media_key } = await sendFile(member, conversation_id, FILE);
    await owner.call("PUT", `/v1/conversations/${conversation_id}/members/${admin.name}`, { role: "admin" });
    await owner.call("DELETE", `/v1/conversations/${conversation_id}/members/${removed.name}`);
    await owner.call("PUT", `/v1/conversations/${conversation_id}/bans/${banned.name}`);
    const { body: invite } = await owner.call<Place["invite"]>("POST", `/v1/conversations/${conversation_id}/invites`, {});
    return { conversation_id, msg_id: ack.msg_id, seq: ack.seq, media_key, invite };
  }

  /** Where an actor stands. */
  place(actor: Actor, scene: Scene): Place {
    this.keys += 1;
    const direct = actor === "blocked" && scene !== ABSENT;
    return {
      ...scene, ...(direct ? this.direct : {}), banned: this.people.banned.name, key: `key-${this.keys}`, self: this.people[actor].name,
      other: direct ? this.people.owner.name : this.people.peer.name, outsider: this.people.outsider.name,
    };
  }

  /** What is in a conversation, as a text: equal texts, nothing changed. */
  async contents(scene: Pick<Scene, "conversation_id">): Promise<string> {
    const events: Event[] = await this.people.owner.history(scene.conversation_id);
    const { head_seq, members } = await statsOf(this.people.service, scene.conversation_id);
    return JSON.stringify([head_seq, members, events]);
  }

  contentsOfDirect(): Promise<string> {
    return this.contents(this.direct);
  }

  stop(): Promise<void> {
    return this.product.discard();
  }
}
