/** `node --require turnout/register app.js` (or `--import`): `http` and `node:http` are turnout in the whole program, `https` and `node:https` turnout/https. */
export {};
