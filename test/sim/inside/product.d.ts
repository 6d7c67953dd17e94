// The Worker's entry, as the simulation's build resolves it: its own types are those of another runtime.
declare module "confab:worker" {
  type ObjectClass = new (ctx: unknown, env: unknown) => object;
  export const Conversation: ObjectClass;
  export const UserSession: ObjectClass;
  export const Directory: ObjectClass;
  export const Reports: ObjectClass;
  export const Blob: ObjectClass;
  const app: { fetch(request: Request, env: unknown, ctx: unknown): Response | Promise<Response> };
  export default app;
}
