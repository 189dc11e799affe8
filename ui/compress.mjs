// Writes brotli and gzip beside every built file that gets smaller by it: the gateway only hands them out.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const folder = new URL("dist/browser", import.meta.url).pathname;
const worthIt = /\.(js|css|svg|json|txt)$/;

for (const name of readdirSync(folder, { recursive: true }).filter((name) => worthIt.test(name))) {
  const body = readFileSync(join(folder, name));
  const packed = {
    ".br": brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: body.length } }),
    ".gz": gzipSync(body, { level: 9 }),
  };
  for (const [suffix, bytes] of Object.entries(packed)) {
    if (bytes.length < body.length) writeFileSync(join(folder, name + suffix), bytes);
  }
}
