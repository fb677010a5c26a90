/** For Node without module.registerHooks: what an import of http resolves to. Runs on the thread of the hooks. */
const FACE = new URL('../index.mjs', import.meta.url).href;

export async function resolve(specifier, context, nextResolve) {
  if (specifier !== 'http' && specifier !== 'node:http') return nextResolve(specifier, context);
  if (context.conditions.includes('require')) return nextResolve(specifier, context);
  return { url: FACE, format: 'module', shortCircuit: true };
}
