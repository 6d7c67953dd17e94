// The bucket of `npm start`: local R2, through its S3 endpoint. Ends with the file's last test.
import { Miniflare } from "miniflare";
import { afterAll } from "vitest";
import { TestBucket } from "./archiver/test-bucket.ts";

const CREDENTIALS = { accessKeyId: "local-key", secretAccessKey: "local secret of tests" };
const WORKER = "export default { fetch: () => new Response(null, { status: 404 }) };";

const engines: Miniflare[] = [];
afterAll(async () => {
  await Promise.all(engines.splice(0).map((engine) => engine.dispose()));
});

export async function localR2(name: string): Promise<TestBucket> {
  const engine = new Miniflare({
    host: "127.0.0.1", port: 0, cf: false, telemetry: { enabled: false }, enableDevRegistry: false, unsafeObservability: false, unsafeLocalExplorer: false,
    workers: [{
      config: {
        name: "bucket", compatibilityDate: "2026-10-01",
        manifest: { mainModule: "index.js", modules: { "index.js": { type: "esm", contents: WORKER } } },
        env: { FILES: { type: "r2", name, dev: { experimentalS3Credentials: CREDENTIALS } } },
      },
      dev: { rootPath: import.meta.dirname },
    }],
  });
  engines.push(engine);
  return new TestBucket({ endpoint: new URL("/cdn-cgi/local/r2/s3", await engine.ready).href, region: "auto", bucket: name, ...CREDENTIALS });
}
