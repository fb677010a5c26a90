/** For Node without module.registerHooks: what an import of http or https resolves to. Runs on the thread of the hooks. */
const http = new URL('../index.mjs', import.meta.url).href;
const https = new URL('../https.mjs', import.meta.url).href;
const FACES = new Map([
  ['http', http],
  ['node:http', http],
  ['https', https],
  ['node:https', https],
]);

export async function resolve(specifier, context, nextResolve) {
  if (!FACES.has(specifier) || context.conditions.includes('require')) return nextResolve(specifier, context);
  return { url: FACES.get(specifier), format: 'module', shortCircuit: true };
}
