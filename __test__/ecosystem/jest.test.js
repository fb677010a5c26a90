'use strict';

/** In jest, where core modules are the runner's, a mock puts turnout in the place of http. */

jest.mock('http', () => require('../..'));
jest.mock('node:http', () => require('../..'));

const express = require('express');
const express4 = require('express4');
const http = require('http');
const request = require('supertest');
const turnout = require('../..');

it('packages get turnout, turnout gets node:http', () => {
  expect(http === turnout && require('node:http') === turnout).toBe(true);
  expect(Object.getPrototypeOf(express.request)).toBe(turnout.IncomingMessage.prototype);
  expect(turnout.Server === jest.requireActual('http').Server).toBe(false);
});

it.each([['express', express], ['express4', express4]])('supertest drives %s', async (_, make) => {
  const app = make();
  app.post('/', make.json(), (req, res) => res.status(201).set('X-Ours', String(req instanceof turnout.IncomingMessage)).send(req.body));
  const response = await request(app).post('/').send({ a: 1 });
  expect([response.status, response.headers['x-ours'], response.body]).toEqual([201, 'true', { a: 1 }]);
});
