// What devices were shown while it happened, held against what stands in the history at the end.
import type { Journal, Shown } from "../journal.ts";
import type { Violations } from "../violation.ts";

export function checkViews(journal: Journal, violations: Violations): void {
  const histories = new Map<string, Map<number, Shown>>();
  for (const { label, events } of journal.readings) {
    if (!histories.has(label)) histories.set(label, new Map(events.map((event) => [event.seq, event])));
  }
  for (const { by, user_id, event } of journal.sights) {
    const label = journal.labelOf(event.conversation_id);
    const members = label === undefined ? undefined : journal.conversations.get(label)?.members;
    if (label === undefined || members?.includes(user_id) !== true) {
      violations.add("leaked", `${user_id} was shown ${label ?? event.conversation_id}`, [`${by}: ${JSON.stringify(event).slice(0, 300)}`]);
      continue;
    }
    // Everybody here is a member from the first event on.
    if (event.type === "skip") violations.add("lost", `${user_id} was shown seq ${event.seq} of ${label} as one that they may not see`, [by]);
    const history = histories.get(label);
    const stands = history?.get(event.seq);
    if (history === undefined || event.type === "skip" || stands?.msg_id === event.msg_id) continue;
    if (stands === undefined) violations.add("lost", `seq ${event.seq} of ${label} was shown to ${user_id} and is not in the history`, [`${by}: ${JSON.stringify(event).slice(0, 300)}`]);
    else violations.add("order", `seq ${event.seq} of ${label} was shown to ${user_id} as another event than stands in the history`, [`${by}: ${event.msg_id}`, `history: ${stands.msg_id}`]);
  }
}
