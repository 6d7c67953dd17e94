import { runInDurableObject } from "cloudflare:test";
import { objectSql } from "../../durable-objects/platform/object-sql.ts";
import { objectStores } from "../contracts/object-stores.ts";
import { bindings } from "./objects.ts";

let used = 0;

objectStores(async (use) => {
  used += 1;
  await runInDurableObject(bindings.USER_SESSION.getByName(`store-${used}`), (_object, state) => use(objectSql(state.storage, () => undefined)));
});
