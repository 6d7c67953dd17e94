// Which users of a load live in which process, and what each process sees of each sender.
import type { Device } from "../dialects/dialect.ts";
import type { LoadPlan } from "../workloads.ts";
import type { Sender } from "./traffic.ts";

/** This process among all of them. */
export interface Share {
  index: number;
  count: number;
}

/** A pair stays together; a group is dealt out. */
export function homeOf({ shape, users }: LoadPlan, user: number, count: number): number {
  return (shape === "pairs" ? user % (users / 2) : user) % count;
}

/** The users that live here. */
export function usersHere(plan: LoadPlan, { index, count }: Share): number[] {
  return Array.from({ length: plan.users }, (_, user) => user).filter((user) => homeOf(plan, user, count) === index);
}

/**
 * @param here the devices of this process, by user
 * @param conversationId of the group; null for pairs
 * @param nameOf a user's name
 */
export function sendersOf(plan: LoadPlan, { count }: Share, here: ReadonlyMap<number, Device>, conversationId: string | null, nameOf: (user: number) => string): Sender[] {
  const bodies = plan.viewers === undefined ? plan.users : plan.viewers + plan.senders;
  return Array.from({ length: plan.senders }, (_, sender): Sender => {
    const device = here.get(sender);
    if (conversationId === null) {
      const peer = sender + plan.users / 2;
      const recipient = here.get(peer);
      return {
        own: device === undefined ? null : { device, address: { to: nameOf(peer) } },
        recipients: recipient === undefined ? [] : [recipient], elsewhere: 0,
      };
    }
    const members = Array.from({ length: bodies }, (_, user) => user).filter((user) => user !== sender);
    const homes = new Set(members.map((user) => homeOf(plan, user, count)));
    homes.delete(homeOf(plan, sender, count));
    return {
      own: device === undefined ? null : { device, address: { conversation_id: conversationId } },
      recipients: members.map((user) => here.get(user)).filter((found) => found !== undefined),
      elsewhere: homes.size,
    };
  });
}
