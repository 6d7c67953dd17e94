// A person is erased: profile, push registrations and previews go, and they are out. What they wrote in conversations is for
// those to erase. The account stays as a place: its id is nobody else's.
import type { Result } from "../../protocol/rpc.ts";
import type { ErasedUser, EraseUserCall } from "../../protocol/rpc/erasure.ts";
import type { Profiles } from "./profile.ts";
import type { SessionCore } from "./core.ts";
import { ErasureStore } from "./store/erasure.ts";

export async function eraseUser(core: SessionCore, profiles: Profiles, { dry_run }: EraseUserCall): Promise<Result<{ erased: ErasedUser }>> {
  if (core.account === null) return { ok: false, code: "unknown_user" };
  const store = new ErasureStore(core.store.sql);
  const counts = { profile: profiles.hasContent(), ...store.count() };
  const at = Date.now();
  if (!dry_run) {
    await profiles.erase(at);
    store.commitErased();
  }
  return { ok: true, erased: { at, ...counts, untold: core.users.readOutbox(1_000).length, waiting: store.readWaiting() } };
}
