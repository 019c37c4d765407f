import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { DAY, HOUR, MINUTE, SECOND, START, settle } from '../support/core.js'
import { World } from '../support/core-model.js'
import type { Ending, ModelOptions, Order } from '../support/core-model-types.js'

const LIFETIMES = [2 * SECOND, MINUTE, 5 * MINUTE]
const RUNS = Number(process.env.FC_RUNS ?? 300)

type Command = fc.AsyncCommand<object, World>

/** One event; the invariants are checked after each. */
function command(label: string, run: (world: World) => void | Promise<void>): Command {
  return {
    check: () => true,
    async run(_, world) {
      await run(world)
      await world.checkRest()
      if (world.failure) throw world.failure
    },
    toString: () => label,
  }
}

const index = fc.nat({ max: 4 })
const endings = fc.oneof<fc.WeightedArbitrary<Ending>[]>(
  { weight: 6, arbitrary: fc.constant('truth') },
  { weight: 1, arbitrary: fc.constant('lost') },
  { weight: 2, arbitrary: fc.constant('broken') },
  { weight: 1, arbitrary: fc.constant('unavailable') },
  { weight: 1, arbitrary: fc.constant('overloaded') },
  { weight: 1, arbitrary: fc.constant('nonsense') },
)
const pauses = fc.constantFrom(0, 10, 500, SECOND, 3 * SECOND, 10 * SECOND, 21 * SECOND, MINUTE, 6 * MINUTE)
const jumps = fc.constantFrom(SECOND, HOUR, DAY, -SECOND, -HOUR, -DAY)

const commands = [
  fc.boolean().map(force => command(`ask(${force})`, world => world.ask(force))),
  fc.constant(command('request()', world => world.request())),
  fc.constant(command('request()', world => world.request())),
  fc.constant(command('refresh()', world => world.refresh())),
  fc
    .tuple(index, fc.boolean())
    .map(([at, refused]) => command(`respond(${at}, ${refused})`, world => world.respond(at, refused))),
  fc
    .tuple(index, endings)
    .map(([at, ending]) => command(`end(${at}, '${ending}')`, world => world.end(at, ending))),
  fc
    .tuple(index, endings)
    .map(([at, ending]) => command(`end(${at}, '${ending}')`, world => world.end(at, ending))),
  fc
    .tuple(fc.constantFrom('ada', 'grace'), fc.integer({ min: 0, max: 9 }))
    .map(([sub, draw]) => command(`login('${sub}', ${draw > 0})`, world => world.login(sub, draw > 0))),
  fc.constant(command('logout()', world => world.logout())),
  pauses.map(time => command(`wait(${time})`, world => world.wait(time))),
  pauses.map(time => command(`wait(${time})`, world => world.wait(time))),
  fc.constant(command('waitForEnd()', world => world.waitForEnd())),
  jumps.map(time => command(`jump(${time})`, world => world.jump(time))),
  fc.integer({ min: 1, max: 3 }).map(times => command(`fault(${times})`, world => world.fault(times))),
  fc.constant(command('revoke()', world => world.revoke())),
  fc.constant(command('rotateKeys()', world => world.rotateKeys())),
  fc.constant(command('reload()', world => world.reload())),
]

const options: fc.Arbitrary<ModelOptions> = fc.record({
  mode: fc.constantFrom('storage', 'storage', 'cookie'),
  autoRefresh: fc.constantFrom('off', 'always'),
  retries: fc.nat({ max: 2 }),
  storageTicks: fc.constantFrom(0, 1, 4),
  shared: fc.boolean(),
  lifetime: fc.constantFrom(...LIFETIMES),
  refreshLifetime: fc.constantFrom(0, MINUTE, 10 * MINUTE),
  rotates: fc.boolean(),
  offersPairs: fc.boolean(),
})

describe('any events in any order', () => {
  it('at most one refresh runs, no token is spent twice, no call waits for ever, and no good session is lost', {
    timeout: 60_000 + RUNS * 500,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(
        options,
        fc.commands(commands, { maxCommands: 40, size: 'max' }),
        (settings, actions) =>
          inWorld(settings, async world => {
            await fc.asyncModelRun(() => ({ model: {}, real: world }), actions)
          }),
      ),
      { numRuns: RUNS },
    )
  })
})

/** Actions of users and requests, which the scheduler mixes with the answers of servers and storage. */
const actions = fc.constantFrom(
  'login ada',
  'login grace',
  'logout',
  'ask',
  'ask',
  'force',
  'request',
  'request',
  'request',
  'refresh',
  'grow old',
  'revoke',
)

describe('any order in which servers and storage answer', () => {
  it('the same holds', { timeout: 60_000 + RUNS * 500 }, async () => {
    const property = fc.asyncProperty(
      fc.scheduler(),
      fc.record({
        mode: fc.constantFrom('storage' as const, 'cookie' as const),
        shared: fc.boolean(),
        rotates: fc.boolean(),
      }),
      fc.array(fc.array(actions, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 4 }),
      fc.infiniteStream(fc.tuple(endings, fc.boolean())),
      (scheduler, settings, actors, draws) => {
        const draw = (): [Ending, boolean] => draws.next().value
        const order: Order = {
          schedule: (task, label) => scheduler.schedule(task, label),
          ending: () => draw()[0],
          refusal: () => draw()[1],
        }
        const act = async (world: World, action: string): Promise<void> => {
          if (action === 'login ada' || action === 'login grace') world.login(action.slice(6), true)
          else if (action === 'logout') world.logout()
          else if (action === 'ask') world.ask(false)
          else if (action === 'force') world.ask(true)
          else if (action === 'request') world.request()
          else if (action === 'refresh') world.refresh()
          else if (action === 'revoke') world.revoke()
          else world.rotateKeys()
        }
        return inWorld(
          {
            ...settings,
            autoRefresh: 'off',
            retries: 0,
            storageTicks: 0,
            lifetime: 5 * MINUTE,
            refreshLifetime: 0,
            offersPairs: false,
          },
          async world => {
            world.login('ada', true)
            for (const deeds of actors) {
              scheduler.scheduleSequence(
                deeds.map(action => ({ builder: () => act(world, action), label: action })),
              )
            }
            for (let round = 0; round < 5; round++) {
              await scheduler.waitIdle()
              await world.wait(SECOND)
            }
            await scheduler.waitIdle()
            if (world.failure) throw world.failure
          },
          order,
        )
      },
    )
    await fc.assert(property, { numRuns: RUNS })
  })
})

describe('a sequence that once went wrong stays right:', () => {
  const usual: ModelOptions = {
    mode: 'storage',
    autoRefresh: 'off',
    retries: 0,
    storageTicks: 0,
    shared: false,
    lifetime: 2 * SECOND,
    refreshLifetime: 0,
    rotates: false,
    offersPairs: false,
  }

  /** Plays a counterexample as fast-check printed it. */
  const play = (settings: Partial<ModelOptions>, ...steps: ((world: World) => void | Promise<void>)[]) =>
    inWorld({ ...usual, ...settings }, async world => {
      for (const step of steps) {
        await step(world)
        await world.checkRest()
        if (world.failure) throw world.failure
      }
    })

  it('a clock that jumps forward while an attempt hangs does not send its refresh token again', () =>
    expect(
      play(
        { autoRefresh: 'always' },
        world => world.login('ada', true),
        world => world.refresh(),
        world => world.jump(SECOND),
        world => world.wait(21 * SECOND),
      ),
    ).resolves.toBeUndefined())

  it('a clock that jumps forward while a restore hangs does not start another', () =>
    expect(
      play(
        { mode: 'cookie' },
        world => world.jump(HOUR),
        world => world.ask(true),
        world => world.wait(MINUTE),
      ),
    ).resolves.toBeUndefined())

  it('a cookie that is known to have ended starts no storm of timers', () =>
    expect(
      play(
        { mode: 'cookie', autoRefresh: 'always', lifetime: 5 * MINUTE, refreshLifetime: MINUTE },
        world => world.login('ada', false),
        world => world.waitForEnd(),
      ),
    ).resolves.toBeUndefined())

  it('a new pair that is asked for and refused late ends no session', () =>
    expect(
      play(
        { lifetime: 5 * MINUTE, refreshLifetime: MINUTE },
        world => world.login('ada', true),
        world => world.wait(MINUTE),
        world => world.request(),
        world => world.wait(10 * SECOND),
        world => world.request(),
      ),
    ).resolves.toBeUndefined())

  it('an access token that dies while a new pair is asked for is not sent', () =>
    expect(
      play(
        { lifetime: 5 * MINUTE, refreshLifetime: MINUTE },
        world => world.login('ada', true),
        world => world.waitForEnd(),
        world => world.request(),
        world => world.wait(3 * SECOND),
        world => world.request(),
        world => world.wait(10 * SECOND),
      ),
    ).resolves.toBeUndefined())
})

/** Runs with fake time, and fails with the first broken invariant. */
async function inWorld(
  options: ModelOptions,
  play: (world: World) => Promise<void>,
  order?: Order,
): Promise<void> {
  vi.useFakeTimers({ now: START })
  const { setTimeout } = globalThis
  let timers = 0
  let world: World | undefined
  const counted = (callback: () => void, delay?: number): unknown => {
    if (++timers > 20_000) throw world?.fail('there is no storm of timers') ?? new Error()
    return setTimeout(callback, delay)
  }
  globalThis.setTimeout = counted as never
  world = new World(options, order)
  try {
    await settle()
    await play(world)
    await world.heal()
    if (world.failure) throw world.failure
  } finally {
    world.dispose()
    globalThis.setTimeout = setTimeout
    vi.useRealTimers()
  }
}
