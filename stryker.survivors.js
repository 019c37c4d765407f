// The mutants that live, looked at one by one: what is there, what Stryker put in its place, and why no test should
// tell the difference. `npm run test:mutation` fails when another one lives (scripts/survivors.mjs).

/** @type {Record<string, [original: string, replacement: string, why: string][]>} */
export const survivors = {
  'src/core/attempt.ts': [
    [
      'refresh?.(context)',
      'refresh(context)',
      'whoever has no refresh function is refused before; without it another TypeError, of the same class, would say so',
    ],
  ],
  'src/core/auth.ts': [
    ['siblings?.ask', 'siblings.ask', 'asked only where siblings share the session, and then they are there'],
    ['waited > 5', 'waited >= 5', 'how long a lock may take that nobody held: any number about it will do'],
    ["'expired'", '""', 'the reason of a flight that finds nothing to refresh with: nobody is told it'],
    [
      '() => new Error()',
      '() => undefined',
      'what ends the wait for the server at logout is ignored, whatever it is',
    ],
  ],
  'src/core/cool-down.ts': [
    [
      'false',
      'true',
      '`strict` and `retrying` before any wait has begun: both mean something until `until` only',
    ],
    [
      'coolDown.until - clock() <= WORTH',
      'coolDown.until - clock() < WORTH',
      'the longest wait that is worth it is a free number',
    ],
    [
      'clock() < coolDown.until',
      'clock() <= coolDown.until',
      'at the very millisecond of its end a wait may be over or not',
    ],
  ],
  'src/core/desk.ts': [
    [
      'clock() >= flights.coolDown.until',
      'clock() > flights.coolDown.until',
      'at the very millisecond of its end a refresh ahead may start or not',
    ],
    [
      'session.held?.endsAt',
      'session.held.endsAt',
      'there is one, since its session was compared before; TypeScript does not know',
    ],
    ['!dead', 'false', 'performance: a burst waits as one promise instead of one each, for the same flight'],
  ],
  'src/core/events.ts': [
    [
      '[]',
      '["Stryker was here"]',
      'the queue at the start: an event whose name is a letter has no listener, and no type',
    ],
  ],
  'src/core/flights.ts': [
    [
      "'There is nothing to refresh with'",
      '""',
      'a mark that never leaves the file: only its identity counts',
    ],
    ["'A sibling may try again'", '""', 'a mark that never leaves the file: only its identity counts'],
    ['true', 'false', 'the value before the lock calls back, which it does before anything can be thrown'],
    [
      'error => flight.settle(error)',
      '() => undefined',
      'a net under whatever may escape; nothing is known to',
    ],
  ],
  'src/core/indexed-db.ts': [
    ['update', 'true', 'a connection that is closed may be closed again; test/load counts that it is not'],
    [
      'stored?.holder',
      'stored.holder',
      'a lease that is not there is nothing to give back: what the mutant throws ends in the same `ignore`',
    ],
    [
      'signal?.throwIfAborted',
      'signal.throwIfAborted',
      'tabs.ts always gives a signal; the type of a lock has it optional',
    ],
    [
      'lease?.holder',
      'lease.holder',
      'the transaction leaves a lease or puts one, so there is one; the type of `transact` cannot say so',
    ],
  ],
  'src/core/session.ts': [
    [
      'clock() < (session.held as Held).endsAt',
      'clock() <= (session.held as Held).endsAt',
      'at the very millisecond of its end a token that a sibling brought is dead: who waits refreshes, or waits for a refresh',
    ],
  ],
  'src/core/siblings.ts': [
    [
      'clock() < flights.coolDown.until',
      'clock() <= flights.coolDown.until',
      'at the very millisecond of its end a cool-down is news or not',
    ],
  ],
  'src/core/storage.ts': [
    ['() => new Error()', '() => undefined', '`ignore` takes whatever it rejects with'],
  ],
  'src/core/tokens.ts': [
    [
      "''",
      '"Stryker was here!"',
      'what is read where there is no refresh token: any text that is no JWT says as little as none',
    ],
  ],
  'src/core/waiting.ts': [
    [
      'signal.aborted',
      'false',
      'of the engine nobody asks with a signal that was aborted before; the tests of authFetch hold it',
    ],
  ],
  'src/http/carry.ts': [
    [
      'engine.lend()?.accessToken',
      'engine.lend().accessToken',
      'there is no token after a logout or the end of the session, and then nobody hears what the flight comes to',
    ],
  ],
  'src/http/config.ts': [
    [
      '{\n    if (allowAbsoluteUrls !== false) return url\n  }',
      '{}',
      'pure performance: getUri gives the same URL, some microseconds later',
    ],
    [
      'allowAbsoluteUrls !== false',
      'false',
      'pure performance: getUri gives the same URL, some microseconds later',
    ],
    [
      "!baseURL.endsWith('//')",
      'false',
      'pure performance: getUri gives the same URL, some microseconds later',
    ],
    ["'//'", '""', 'pure performance: getUri gives the same URL, some microseconds later'],
  ],
  'src/http/options.ts': [
    [
      "''",
      '"Stryker was here!"',
      'any relative URL has the origin of the page, and none where there is no page',
    ],
    ['[]', '["Stryker was here"]', 'equivalent: no URL that leaves begins so'],
    [`origin => \`\${origin}/\``, '() => undefined', 'pure performance: the URL is parsed and found allowed'],
    [
      'prefixes.some(prefix => url.startsWith(prefix))',
      'false',
      'pure performance: the URL is parsed and found allowed',
    ],
    [
      'prefix => url.startsWith(prefix)',
      '() => undefined',
      'pure performance: the URL is parsed and found allowed',
    ],
    ['{\n    return undefined\n  }', '{}', 'equivalent: without a return the answer is undefined, too'],
  ],
}
