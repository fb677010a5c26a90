'use strict';

/**
 * Servers that requests are sent to. `upgrades`: 'accept' takes whatever 'upgrade' and 'connect' bring, 'decline' has a
 * shouldUpgradeCallback that says no, 'none' listens to neither. `tells`: a 'clientError' listener writes down what it gets;
 * without it the server answers by itself. `answers`: at once within 'request', or after the body's 'end'.
 */
const PROFILES = {
  plain: { upgrades: 'accept', tells: true, answers: 'at once' },
  lenient: { upgrades: 'accept', tells: true, answers: 'at once', options: { insecureHTTPParser: true } },
  relaxed: { upgrades: 'accept', tells: true, answers: 'at once', options: { httpValidation: 'relaxed' } },
  silent: { upgrades: 'accept', tells: false, answers: 'at once' },
  'answers late': { upgrades: 'accept', tells: true, answers: 'at the end' },
  'declines upgrades': { upgrades: 'decline', tells: true, answers: 'at once' },
  'knows no upgrades': { upgrades: 'none', tells: true, answers: 'at once' },
  'small heads': { upgrades: 'accept', tells: true, answers: 'at once', options: { maxHeaderSize: 120 } },
  'few fields': { upgrades: 'accept', tells: true, answers: 'at once', maxHeadersCount: 3 },
  'any number of fields': { upgrades: 'accept', tells: true, answers: 'at once', maxHeadersCount: 0 },
  'needs no Host': { upgrades: 'accept', tells: true, answers: 'at once', options: { requireHostHeader: false } },
};

module.exports = { PROFILES };
