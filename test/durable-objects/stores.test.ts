import { objectStores } from "../contracts/object-stores.ts";
import { nodeSql } from "./sqlite.ts";

objectStores(async (use) => use(nodeSql()));
