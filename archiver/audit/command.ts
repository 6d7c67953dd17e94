// `audit`: is the archive of these conversations complete and unaltered? One JSON line for each finding, and one for each
// conversation; exit code 1 where there is anything to tell.
import { parseArgs } from "node:util";
import { ConversationId } from "../../protocol/ids.ts";
import { PersonId } from "../../protocol/users.ts";
import { type Command, type CommandTools, UsageError } from "../commands.ts";
import { EdgeUnavailable, HttpEdge } from "../edge.ts";
import { Absent } from "../asking.ts";
import { PeopleEdge } from "../people-edge.ts";
import { reasonOf } from "../reason.ts";
import { StoreUnavailable } from "../stores/store.ts";
import { auditConversation, Stopped } from "./audit.ts";
import * as v from "valibot";

interface Asked {
  all: boolean;
  /** Compare checkpoints alone where they agree. */
  quick: boolean;
  ids: string[];
  /** All that is in the lists of these people: what is gone from every table of the archive is known to nobody else. */
  users: string[];
}

const OPTIONS = { all: { type: "boolean" }, quick: { type: "boolean" }, user: { type: "string", multiple: true } } as const;

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

export function readAudit(args: readonly string[]): Asked {
  const { values: { all = false, quick = false, user: users = [] }, positionals: ids } = parse(args);
  if ([all, ids.length > 0, users.length > 0].filter(Boolean).length !== 1) throw new UsageError("name conversations or users, or say --all");
  const wrong = ids.find((id) => !v.is(ConversationId, id));
  if (wrong !== undefined) throw new UsageError(`${JSON.stringify(wrong)} is not a conversation's id`);
  const nobody = users.find((id) => !v.is(PersonId, id));
  if (nobody !== undefined) throw new UsageError(`${JSON.stringify(nobody)} is no id of a user`);
  return { all, quick, ids, users };
}

async function* listsOf(users: readonly string[], edge: PeopleEdge): AsyncGenerator<string> {
  const told = new Set<string>();
  for (const user of users) {
    for await (const { conversation_id } of edge.inbox(user)) {
      if (!told.has(conversation_id)) yield conversation_id;
      told.add(conversation_id);
    }
  }
}

/** @returns whether anything was found, or it could not be looked at */
async function auditOne(conversation_id: string, quick: boolean, { store, edge, config, now, signal, print }: CommandTools): Promise<boolean> {
  try {
    const { findings, ...audited } = await auditConversation(conversation_id, { store, edge, retentionS: config.retentionS, now, signal, thorough: !quick });
    for (const { kind, ...finding } of findings) print(JSON.stringify({ conversation_id, finding: kind, ...finding }));
    print(JSON.stringify({ conversation_id, result: findings.length === 0 ? "complete" : "damaged", ...audited, findings: findings.length }));
    return findings.length > 0;
  } catch (error) {
    if (!(error instanceof EdgeUnavailable) && !(error instanceof StoreUnavailable)) throw error;
    print(JSON.stringify({ conversation_id, result: "not_audited", because: reasonOf(error) }));
    return true;
  }
}

export const AUDIT: Command = {
  usage: "audit <conversation_id>… | --user <user_id>… | --all [--quick]",
  async run(args, tools) {
    const { all, quick, ids, users } = readAudit(args);
    const lists = () => listsOf(users, new PeopleEdge(new HttpEdge(tools.config.edgeUrl, tools.config.secret), tools.signal));
    let conversations = 0;
    let damaged = 0;
    try {
      for await (const id of all ? tools.store.conversations() : users.length > 0 ? lists() : ids) {
        conversations += 1;
        if (await auditOne(id, quick, tools)) damaged += 1;
      }
    } catch (error) {
      const because = error instanceof Absent ? "one of these users has never been there" : error instanceof EdgeUnavailable ? reasonOf(error) : null;
      if (because === null && !(error instanceof Stopped)) throw error;
      tools.print(JSON.stringify({ ...(because === null ? { stopped: true } : { because }), conversations, damaged }));
      return 1;
    }
    tools.print(JSON.stringify({ conversations, damaged }));
    return damaged === 0 ? 0 : 1;
  },
};
