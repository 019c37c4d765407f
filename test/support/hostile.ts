/** Hostile input of every kind: values, token answers, JWTs, stored records. */
import fc from 'fast-check'
import { expect } from 'vitest'
import { jwt, opaque, START } from './core.js'

// The same cases each time; FUZZ_SEED shows others.
fc.configureGlobal({ seed: Number(process.env['FUZZ_SEED'] ?? 8) })

/** Names that change a prototype where they are assigned carelessly. */
const NAMES = ['__proto__', 'constructor', 'prototype', 'toString', 'valueOf', 'toJSON', 'then', 'length']
const NUMBERS = [0, -0, -1, 1e-10, 1e11, 1e13, 2 ** 31, 2 ** 53, 1e300, Number.MAX_VALUE]
const ODD_NUMBERS = [...NUMBERS, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]

/** Values of a JSON text, and names of prototypes in it. */
export const json: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>(tie => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constantFrom(null, true, false, '', ' ', '0', '1e3', ...NUMBERS),
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc
      .array(fc.tuple(fc.oneof(fc.constantFrom(...NAMES), fc.string({ maxLength: 8 })), tie('value')), {
        maxLength: 4,
      })
      // As `JSON.parse` does: `__proto__` becomes a property like any other.
      .map(entries => JSON.parse(`{${entries.map(pair => pair.map(text).join(':')).join()}}`) as unknown),
  ),
})).value

function text(value: unknown): string {
  return JSON.stringify(value) ?? 'null'
}

/** Values that code can pass, JSON or not, and those that the structured clone of a message brings. */
export const anything: fc.Arbitrary<unknown> = fc.oneof(
  json,
  fc.constantFrom<unknown>(undefined, 10n, new Date(Number.NaN), /x/, new Map([['a', 1]]), new Uint8Array(3)),
  fc.constantFrom(...ODD_NUMBERS),
  // A template literal of it throws.
  fc.constantFrom<unknown>({ toString: 1, valueOf: 2 }, [{ toString: null, valueOf: null }]),
)

/** Bytes as a part of a JWT. */
const part = (bytes: Uint8Array | string): string => Buffer.from(bytes).toString('base64url')

/** The claims that tokenflight reads, with values of any type. */
const claims = fc.record(
  { sub: anythingJson(), exp: anythingJson(), iat: anythingJson(), nbf: json, roles: json, __proto__: json },
  { requiredKeys: [] },
)

function anythingJson(): fc.Arbitrary<unknown> {
  const now = START / 1000
  return fc.oneof(json, fc.constantFrom(now, now + 1e-7, now + 300, now - 300, now + 1e9, START), fc.double())
}

/** Payloads, as the bytes that are encoded. */
const payload: fc.Arbitrary<Uint8Array | string> = fc.oneof(
  claims.map(value => text(value)),
  json.map(value => text(value)),
  fc.uint8Array({ maxLength: 60 }),
  // Cut, and bytes that are no UTF-8.
  claims.map(value => text(value).slice(0, -1)),
  fc
    .uint8Array({ maxLength: 9 })
    .map(bytes => Buffer.concat([Buffer.from('{"sub":"'), bytes, Buffer.from('"}')])),
  fc.constantFrom(
    '{"__proto__":{"polluted":true},"exp":1}',
    '{"constructor":{"prototype":{"polluted":true}}}',
    '{"sub":"ada","sub":"eve"}',
    '{"exp":1e400,"iat":-1e400}',
    '\uFEFF{"sub":"ada"}',
  ),
)

/** Texts that look like a JWT more or less; most of them may travel in a header. */
export const tokenLike: fc.Arbitrary<string> = fc.oneof(
  payload.map(bytes => `${part('{"alg":"none"}')}.${part(bytes)}.c2ln`),
  payload.map(bytes => `${part('{"alg":"none"}')}.${part(bytes)}`),
  payload.map(bytes => `.${part(bytes)}.`),
  fc.string({ unit: fc.constantFrom('.', '-', '_', '=', '%', 'A', 'e', 'J', '+', '/', '~'), maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
)

const nested = (depth: number): string => `{"sub":"ada","a":${'['.repeat(depth)}${']'.repeat(depth)}}`

/** Texts of a hundred thousand characters that a careless reader chokes on. */
export const HUGE: Readonly<Record<string, string>> = {
  'a claim of any length': `e30.${part(`{"sub":"${'a'.repeat(100_000)}"}`)}.c2ln`,
  'many claims': `e30.${part(`{${Array.from({ length: 9_000 }, (_, at) => `"c${at}":${at}`)}}`)}.c2ln`,
  'claims nested deeply': `e30.${part(nested(30_000))}.c2ln`,
  'claims that never end': `e30.${part('['.repeat(70_000))}.c2ln`,
  'dots alone': '.'.repeat(100_000),
  'a payload of percent signs': `a.${'%'.repeat(100_000)}.b`,
  'a payload of zero bytes': `a.${'A'.repeat(100_000)}.b`,
  'a payload of broken UTF-8': `a.${'_'.repeat(100_000)}.b`,
  'one word': 'x'.repeat(100_000),
}

const member = fc.oneof(anything, tokenLike)

/** Token answers: any value under the names that are read, or no object at all. */
export const answer: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 1, arbitrary: anything },
  {
    weight: 4,
    arbitrary: fc.record(
      {
        access_token: fc.oneof({ weight: 3, arbitrary: tokenLike }, { weight: 1, arbitrary: anything }),
        accessToken: member,
        refresh_token: member,
        refreshToken: member,
        expires_in: anything,
        expiresIn: anything,
        refresh_expires_in: anything,
        refreshExpiresIn: anything,
        token_type: fc.oneof(fc.constantFrom('Bearer', 'bearer', 'DPoP', ''), anything),
        scope: anything,
      },
      { requiredKeys: [] },
    ),
  },
)

const MEMBERS: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  generation: fc.oneof(fc.constantFrom(1.5, 1e9, 1e11, 1e13), anything),
  version: fc.oneof(fc.constantFrom(1.5, 1e11, -1e11), anything),
  savedAt: fc.oneof(fc.constantFrom(START, START - 1e9, START + 1e9, 0), anything),
  accessToken: member,
  refreshToken: member,
  expiresAt: fc.oneof(fc.constantFrom(START + 300_000, START - 1), anything),
  lifetime: anything,
  refreshExpiresAt: anything,
  refreshLifetime: anything,
  failures: anything,
  retryAt: anything,
  backoffAt: anything,
  retryStrict: anything,
  retryOpen: anything,
  requestedAt: anything,
  retrying: fc.oneof(fc.constant(true), anything),
  ended: fc.oneof(fc.constantFrom('logout', 'refresh_rejected', 'no such reason'), anything),
  scope: anything,
  unknown: anything,
}

/** Stored records: a sound one, or its end, of which a few members say anything. */
export const record: fc.Arbitrary<Record<string, unknown>> = fc
  .tuple(fc.boolean(), fc.constantFrom(1.5, 1e11), fc.subarray(Object.keys(MEMBERS), { maxLength: 3 }))
  .chain(([isEnd, generation, names]) =>
    fc.record(Object.fromEntries(names.map(name => [name, MEMBERS[name]!]))).map(changes => ({
      ...{ generation, version: 1.5, savedAt: START },
      ...(isEnd
        ? { ended: 'logout' }
        : {
            accessToken: jwt({ sub: 'ada' }),
            refreshToken: opaque('rt'),
            lifetime: 300_000,
            expiresAt: START + 300_000,
          }),
      ...changes,
    })),
  )

/** Holds before and after: no prototype has got a member that it had not. */
export function watchPrototypes(): () => void {
  const names = (): string =>
    [Object, Array, Function, String, Error, Promise, Map]
      .map(({ prototype }) => Reflect.ownKeys(prototype).map(String).join())
      .join('\n')
  const before = names()
  return () => {
    expect(names()).toBe(before)
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  }
}
