// The Settings object: one for a deployment, called rarely. itty-durable persists it as one value, only when told to.
import { createDurable } from "itty-durable";
import { DEFAULT_SETTINGS, type SettingsPatch } from "../../protocol/settings.ts";
import * as v from "valibot";
import { SettingsPatch as PatchSchema } from "../../protocol/settings.ts";

/** What itty-durable gives its subclasses; the library types it as `any`. */
interface Durable {
  persist(): Promise<void>;
}

const Base = createDurable({ autoPersist: false }) as new (state: DurableObjectState, env: unknown) => Durable;

export class Settings extends Base {
  /** What operators have set; the rest is default. */
  stored: SettingsPatch;

  constructor(state: DurableObjectState, env: unknown) {
    super(state, env);
    this.stored = {};
  }

  /** The stored values that this version knows and that are still within bounds. */
  read(): SettingsPatch {
    const known = Object.entries(this.stored).filter(([name, value]) => name in DEFAULT_SETTINGS && v.is(PatchSchema, { [name]: value }));
    return Object.fromEntries(known) as SettingsPatch;
  }

  /** Persisted before it answers. `patch` was validated by the caller. */
  async change(patch: SettingsPatch): Promise<SettingsPatch> {
    this.stored = { ...this.stored, ...patch };
    await this.persist();
    return this.read();
  }
}
