// Traffic that is switched on and off: in a closed loop what arrives makes a sender send again, in an open one the clock does.
import type { LoadPlan } from "../workloads.ts";
import { now } from "./clock.ts";
import { type Progress, type Reactions, type Sender, Traffic } from "./traffic.ts";

export interface Load {
  readonly traffic: Traffic;
  /** @param at when the first message is due; ms on the machine's clock */
  start(at: number): void;
  /** No new messages; those under way still arrive. */
  stop(): void;
}

export interface LoadOptions {
  run: string;
  plan: LoadPlan;
  senders: readonly Sender[];
  alike: boolean;
  /** Every recipient here has a message of a sender that lives elsewhere. */
  here: (sender: number, number: number) => void;
  sent?: Reactions["sent"];
}

/** Timers are as coarse as a ms and may come as late: the last of it an open loop looks at the clock itself. */
const SPUN_MS = 2;

export function loadOf(options: LoadOptions): Load {
  return options.plan.loop.kind === "open" ? openLoop(options, options.plan.loop) : closedLoop(options, options.plan.loop);
}

function trafficOf({ run, senders, alike, here, sent }: LoadOptions, more: Reactions): Traffic {
  return new Traffic(run, senders, alike, { here: (sender, number) => here(sender.index, number), ...(sent === undefined ? {} : { sent }), ...more });
}

function closedLoop(options: LoadOptions, { first, again }: Extract<LoadPlan["loop"], { kind: "closed" }>): Load {
  let running = false;
  const send = (sender: Progress, count: number): void => {
    if (running) traffic.send(sender, count, now());
  };
  const traffic: Traffic = trafficOf(options, again === "acked" ? { acked: send } : { arrived: (sender) => send(sender, 1) });
  let starting: ReturnType<typeof setTimeout> | undefined;
  return {
    traffic,
    start(at) {
      running = true;
      starting = setTimeout(() => {
        for (const sender of traffic.own) send(sender, first);
      }, at - now());
    },
    stop() {
      clearTimeout(starting);
      running = false;
    },
  };
}

/** Message n of all is due n / rate after the start, and is the next one of sender n modulo their number. */
function openLoop(options: LoadOptions, { rate }: Extract<LoadPlan["loop"], { kind: "open" }>): Load {
  const traffic = trafficOf(options, {});
  const { senders, own } = traffic;
  let running = false;
  return {
    traffic,
    start(at) {
      running = true;
      const due = own.map(({ index }) => index);
      const look = (): void => {
        if (!running) return;
        const until = now();
        for (const [i, sender] of own.entries()) {
          for (let n = due[i] as number; at + (n * 1_000) / rate <= until; n = due[i] as number) {
            traffic.send(sender, 1, at + (n * 1_000) / rate);
            due[i] = n + senders.length;
          }
        }
        const wait = at + (Math.min(...due) * 1_000) / rate - now();
        if (wait > SPUN_MS) setTimeout(look, wait - SPUN_MS);
        else setImmediate(look);
      };
      if (own.length > 0) look();
    },
    stop() {
      running = false;
    },
  };
}
