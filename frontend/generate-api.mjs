// Turns the two OpenAPI documents into types:  npm run generate:api [-- [--check] [public.json host.json]]
// Left to themselves the documents are openapi/public.json and openapi/host.json, written from the running code.
import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import openapiTS, { astToString } from 'openapi-typescript';

const check = process.argv.includes('--check');
const given = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
if (given.length !== 0 && given.length !== 2)
  throw new Error('Give both documents, the public one first, or none.');
const [publicFile, hostFile] = given.length ? given : ['openapi/public.json', 'openapi/host.json'];

for (const [source, target] of [
  [publicFile, 'src/generated/public.d.ts'],
  [hostFile, 'src/generated/host.d.ts'],
]) {
  const types = astToString(await openapiTS(pathToFileURL(resolve(source))));
  const text = `// Made from the OpenAPI document by \`npm run generate:api\`; changes here are lost.\n\n${types}`;
  const before = await readFile(target, 'utf8').catch(() => null);
  if (before === text) continue;
  if (!check) await writeFile(target, text);
  else {
    console.error(`${target} is not what ${source} says. Run \`npm run generate:api\`.`);
    process.exitCode = 1;
  }
}
