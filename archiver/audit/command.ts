// `audit`: is the archive of these conversations complete and unaltered? One JSON line for each finding, and one for each
// conversation; exit code 1 where there is anything to tell.
import { ConversationId } from "../../protocol/ids.ts";
import { type Command, type CommandTools, UsageError } from "../commands.ts";
import { EdgeUnavailable } from "../edge.ts";
import { reasonOf } from "../reason.ts";
import { StoreUnavailable } from "../stores/store.ts";
import { auditConversation, Stopped } from "./audit.ts";
import * as v from "valibot";

interface Asked {
  all: boolean;
  /** Compare checkpoints alone where they agree. */
  quick: boolean;
  ids: string[];
}

export function readAudit(args: readonly string[]): Asked {
  const flags = args.filter((arg) => arg.startsWith("-"));
  const ids = args.filter((arg) => !arg.startsWith("-"));
  const strange = flags.find((flag) => flag !== "--all" && flag !== "--quick");
  if (strange !== undefined) throw new UsageError(`there is no ${strange}`);
  const all = flags.includes("--all");
  if (all === ids.length > 0) throw new UsageError("name conversations, or say --all");
  const wrong = ids.find((id) => !v.is(ConversationId, id));
  if (wrong !== undefined) throw new UsageError(`${JSON.stringify(wrong)} is not a conversation's id`);
  return { all, quick: flags.includes("--quick"), ids };
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
  usage: "audit <conversation_id>… | --all [--quick]",
  async run(args, tools) {
    const { all, quick, ids } = readAudit(args);
    let conversations = 0;
    let damaged = 0;
    try {
      for await (const id of all ? tools.store.conversations() : ids) {
        conversations += 1;
        if (await auditOne(id, quick, tools)) damaged += 1;
      }
    } catch (error) {
      if (!(error instanceof Stopped)) throw error;
      tools.print(JSON.stringify({ stopped: true, conversations, damaged }));
      return 1;
    }
    tools.print(JSON.stringify({ conversations, damaged }));
    return damaged === 0 ? 0 : 1;
  },
};
