// Conversations that write to nobody's inbox are told that this user is there, and until when: on connecting, and again when
// a newer token lets the user be there longer.
import { errorFields, log } from "../../log/log.ts";
import { again } from "./again.ts";
import type { SessionCore } from "./core.ts";
import type { Viewing } from "./viewing.ts";

/** Conversations told at once. */
const WIDTH = 10;

export class Leases {
  private readonly core: SessionCore;
  private readonly viewing: Viewing;
  /** What conversations were last told, ms. After a wake it is not known, and telling them once more does no harm. */
  private until = 0;

  constructor(core: SessionCore, viewing: Viewing) {
    this.core = core;
    this.viewing = viewing;
  }

  /**
   * The user's devices go from none to one: another life, of which nobody knows yet.
   * After this turn, in which the first one comes to be there.
   * @param busy conversations that may be pushing to whoever is there, inboxes or not
   */
  begin(busy: readonly string[]): void {
    queueMicrotask(() => this.renew(true, busy));
  }

  /** One more device is coming; it is there after this turn. */
  later(): void {
    queueMicrotask(() => this.renew());
  }

  /** Tells of a longer stay than was told. */
  renew(anew = false, busy: readonly string[] = []): void {
    const { core } = this;
    const { until } = core.devices;
    if (until === 0 || (!anew && until <= this.until)) return;
    this.until = until;
    this.viewing.tellAll();
    void this.tell([...new Set([...busy, ...core.store.readTold()])], { user_id: core.userId, gen: core.gen, until });
  }

  private async tell(conversationIds: readonly string[], call: { user_id: string; gen: number; until: number }): Promise<void> {
    for (let start = 0; start < conversationIds.length; start += WIDTH) {
      await Promise.all(conversationIds.slice(start, start + WIDTH).map(async (conversationId) => {
        try {
          await again(() => this.core.through(conversationId, (stub) => stub.attach(call)));
        } catch (error) {
          // A device that resumes tells the conversation as well; one that writes to inboxes knows when it has settled.
          log("warn", "attach_failed", { user_id: call.user_id, conversation_id: conversationId, ...errorFields(error) });
        }
      }));
    }
  }
}
