// Back-pressure of one device: how many events, and bytes of them, it may have without a receipt. A socket does not say how much
// of what it was given waits to be read, so receipts must.

export interface CreditRule {
  /** 0 for no limit. */
  events: number;
  bytes: number;
}

export interface Amount {
  events: number;
  bytes: number;
}

/** pushed: given and not acknowledged. withheld: not given any more, since the credit ran out or a resume wrote it off. */
export interface Account {
  pushed: Amount;
  withheld: Amount;
  /** Without credit, until enough of what was pushed is acknowledged. */
  starved: boolean;
}

export function newAccount(): Account {
  return { pushed: { events: 0, bytes: 0 }, withheld: { events: 0, bytes: 0 }, starved: false };
}

/** `close`: as much again was withheld from it as its credit is. */
export type Push = "push" | "withhold" | "close";

export function decidePush(account: Account, rule: CreditRule, amount: Amount): Push {
  if (rule.events === 0 || !(account.starved || over(account.pushed, rule))) return "push";
  return over(sum(account.withheld, amount), rule) ? "close" : "withhold";
}

/** Has a device without credit enough of it again? Half: else it would run out with the next event. */
export function decideRegain(account: Account, rule: CreditRule): boolean {
  return account.starved && account.pushed.events <= rule.events / 2 && account.pushed.bytes <= rule.bytes / 2;
}

export function sum(a: Amount, b: Amount): Amount {
  return { events: a.events + b.events, bytes: a.bytes + b.bytes };
}

export function less(a: Amount, b: Amount): Amount {
  return { events: Math.max(0, a.events - b.events), bytes: Math.max(0, a.bytes - b.bytes) };
}

function over(amount: Amount, rule: CreditRule): boolean {
  return amount.events >= rule.events || amount.bytes >= rule.bytes;
}
