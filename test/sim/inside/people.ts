// What people do: they write, alone and to each other, change and delete what they wrote, read, look back, come and go.
import type { ConfabClient, Conversation, Message } from "../../../client/client.ts";
import { directId } from "../../../client/direct-id.ts";
import type { Chance } from "./chance.ts";
import type { Device } from "./device.ts";
import type { Witness } from "./witness.ts";
import type { World } from "./world.ts";

const NAMES = ["ann", "bob", "cyd", "dan", "eve"];
const EMOJI = ["👍", "🎉"];

export interface Cast {
  users: number;
  /** Of each user. */
  devices: number;
  /** Of a device: that it must poll. */
  polls: number;
  /** Of what is done: that it is a change of members. */
  coming: number;
  actions: number;
  /** ms between two actions, at most */
  pause: number;
}

export class People {
  readonly users: string[];
  groups: string[] = [];
  readonly #world: World;
  readonly #witness: Witness;
  readonly #chance: Chance;
  readonly #cast: Cast;
  #said = 0;
  readonly #shown = new Map<Device, () => void>();

  constructor(world: World, witness: Witness, chance: Chance, cast: Cast) {
    this.#world = world;
    this.#witness = witness;
    this.#chance = chance;
    this.#cast = cast;
    this.users = NAMES.slice(0, cast.users);
    for (const a of this.users) for (const b of this.users) if (a < b) witness.pair(directId(a, b), [a, b]);
  }

  arrive(): void {
    for (const user of this.users) {
      const devices = this.#chance.between(1, this.#cast.devices);
      for (let i = 1; i <= devices; i++) this.#world.addDevice(user, `${user}-${i}`, this.#chance.is(this.#cast.polls));
    }
  }

  /** Groups are made while all is well: what fails here is a fault. */
  createGroups(count: number): void {
    for (let i = 0; i < count; i++) {
      const creator = this.#of(this.users[i % this.users.length] as string)[0] as Device;
      const members = this.users.filter((user) => user !== creator.user_id && (i === 0 || this.#chance.is(0.6)));
      creator.act((client) => {
        void client.createGroup(`group ${i}`, members).then(({ conversation_id }) => this.groups.push(conversation_id), () => undefined);
      });
    }
  }

  act(): void {
    const { groups } = this;
    const device = this.#chance.of(this.#world.devices);
    const conversation_id = groups.length > 0 && this.#chance.is(0.8) ? this.#chance.of(groups) : null;
    if (conversation_id === null) return this.#write(device, null, 1);
    if (this.#chance.is(this.#cast.coming)) return this.#changeMembers(device, conversation_id);
    switch (this.#chance.below(14)) {
      case 0: case 1: case 2: case 3: return this.#write(device, conversation_id, 1);
      case 4: return this.#write(device, conversation_id, this.#chance.between(2, 8));
      case 5: case 6: case 7: return this.#read(device);
      case 8: return this.#change(device, conversation_id, "edit");
      case 9: return this.#change(device, conversation_id, "delete");
      case 10: case 11: return this.#change(device, conversation_id, "react");
      case 12: return this.#lookBack(device, conversation_id);
      default: return this.#show(device, conversation_id);
    }
  }

  /** A page that reloads shows nothing until somebody looks. */
  reloaded(device: Device): void {
    this.#shown.delete(device);
  }

  #of(user: string): Device[] {
    return this.#world.devices.filter((device) => device.user_id === user);
  }

  /** @param conversation_id null: to somebody */
  #write(device: Device, conversation_id: string | null, count: number): void {
    const others = this.users.filter((user) => user !== device.user_id);
    const to = conversation_id === null && others.length > 0 ? this.#chance.of(others) : null;
    if (conversation_id === null && to === null) return;
    const target = to === null ? { conversation_id: conversation_id as string } : { to };
    device.act((client) => {
      for (let i = 0; i < count; i++) {
        const answered = conversation_id === null || !this.#chance.is(0.15) ? null : this.#someMessage(client, conversation_id);
        const mentions = this.#chance.is(0.1) ? { mentions: [this.#chance.of(this.users)] } : {};
        const sending = client.send(target, `word ${++this.#said}`, { ...mentions, ...(answered === null ? {} : { reply_to: answered.msg_id }) });
        this.#witness.send(device, conversation_id ?? directId(device.user_id, to as string), sending);
      }
    });
  }

  #change(device: Device, conversation_id: string, type: "edit" | "delete" | "react"): void {
    device.act((client) => {
      const message = this.#someMessage(client, conversation_id, type === "react" ? null : device.user_id);
      if (message === null) return;
      const sending = type === "edit" ? client.edit(message, `word ${++this.#said}`)
        : type === "delete" ? client.delete(message) : client.react(message, this.#chance.of(EMOJI), this.#chance.is(0.7));
      this.#witness.send(device, conversation_id, sending);
    });
  }

  #someMessage(client: ConfabClient, conversation_id: string, by: string | null = null): Message | null {
    const messages = (client.conversation(conversation_id)?.events ?? []).filter((slot): slot is Message => slot.type === "msg" && slot.deleted_at === undefined && (by === null || slot.sender_id === by));
    return messages.length === 0 ? null : this.#chance.of(messages);
  }

  #read(device: Device): void {
    device.act((client) => {
      for (const { conversation_id } of client.conversations()) if (this.#chance.is(0.6)) client.conversation(conversation_id)?.read();
    });
  }

  #lookBack(device: Device, conversation_id: string): void {
    device.act((client) => void client.conversation(conversation_id)?.loadOlder(this.#chance.between(1, 20)));
  }

  #show(device: Device, conversation_id: string): void {
    const hide = this.#shown.get(device);
    this.#shown.delete(device);
    device.act((client) => {
      hide?.();
      if (hide === undefined) this.#shown.set(device, client.show(conversation_id));
    });
  }

  #changeMembers(device: Device, conversation_id: string): void {
    const user = this.#chance.of(this.users);
    const comes = this.#chance.is(0.55);
    const quiet = (work: Promise<unknown>): void => void work.catch(() => undefined);
    device.act((client) => {
      if (comes) quiet(client.addMember(conversation_id, user));
      else if (this.#chance.is(0.5)) quiet(client.removeMember(conversation_id, user));
      else quiet(client.removeMember(conversation_id, device.user_id));
    });
  }
}

export function isCurrent(conversation: Conversation | null, head: number): boolean {
  return conversation !== null && conversation.cursor.seq === head;
}
