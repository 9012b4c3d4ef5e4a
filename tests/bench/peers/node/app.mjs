// Extism behind fastify: compiled once, a fresh instance for each call, on the main thread. It isolates nothing.
//
//     node app.mjs PORT small=/path/to/small.wasm template=/path/to/template.wasm

import { readFile } from "node:fs/promises";
import createPlugin from "@extism/extism";
import fastify from "fastify";

const [port, ...guests] = process.argv.slice(2);
const modules = new Map();
for (const guest of guests) {
  const [name, path] = guest.split("=");
  modules.set(name, await WebAssembly.compile(await readFile(path)));
}

const app = fastify();
app.removeContentTypeParser("application/json");
app.addContentTypeParser("application/json", { parseAs: "buffer" }, (request, body, done) => done(null, body));

app.post("/:guest/:function", async (request, reply) => {
  const module = modules.get(request.params.guest);
  if (module === undefined) return reply.code(404).send();
  const plugin = await createPlugin(module, { useWasi: true });
  try {
    const output = await plugin.call(request.params.function, request.body);
    reply.type("application/json");
    return Buffer.from(output.bytes());
  } finally {
    await plugin.close();
  }
});

await app.listen({ host: "127.0.0.1", port: Number(port) });
