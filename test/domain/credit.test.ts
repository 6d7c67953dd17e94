import fc from "fast-check";
import { expect, test } from "vitest";
import { type Account, decidePush, decideRegain, less, newAccount, sum } from "../../domain/credit.ts";

const RULE = { events: 256, bytes: 1024 * 1024 };
const amount = fc.record({ events: fc.integer({ min: 1, max: 300 }), bytes: fc.integer({ min: 1, max: 400_000 }) });

test("[D4] without credit nothing is pushed, and at twice the credit it ends", () => {
  fc.assert(fc.property(fc.array(amount, { minLength: 1, maxLength: 60 }), (pushes) => {
    const account: Account = newAccount();
    for (const one of pushes) {
      const exhausted = account.pushed.events >= RULE.events || account.pushed.bytes >= RULE.bytes;
      const decision = decidePush(account, RULE, one);
      expect(decision === "push").toBe(!exhausted);
      if (decision === "push") account.pushed = sum(account.pushed, one);
      else account.withheld = sum(account.withheld, one);
      expect(decision === "close").toBe(exhausted && (account.withheld.events >= RULE.events || account.withheld.bytes >= RULE.bytes));
      if (decision === "close") return;
    }
  }));
});

test("[D4] whoever acknowledges half has credit again, and a rule of 0 knows no end", () => {
  const account: Account = { pushed: { events: 256, bytes: 10 }, withheld: { events: 3, bytes: 3 }, starved: true };
  expect(decidePush(account, { ...RULE, events: 0 }, { events: 1, bytes: 1 })).toBe("push");
  expect(decideRegain(account, RULE)).toBe(false);
  account.pushed = less(account.pushed, { events: 128, bytes: 20 });
  expect(account.pushed).toEqual({ events: 128, bytes: 0 });
  expect(decideRegain(account, RULE)).toBe(true);
  expect(decideRegain({ ...account, starved: false }, RULE)).toBe(false);
});
