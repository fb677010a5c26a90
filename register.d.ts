/** `node --require turnout/register app.js` (or `--import`): `http` and `node:http` are turnout in the whole program. */
export {};
