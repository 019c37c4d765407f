import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DAY, HOUR, MINUTE, SECOND } from '../support/core.js'
import { type Ending, inWorld, LIFETIMES, type ModelOptions, type World } from '../support/core-model.js'

const RUNS = Number(process.env.FC_RUNS ?? 300)

type Command = fc.AsyncCommand<object, World>

/** One thing that happens; what must hold is checked after each. */
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
  jumps.map(time => command(`jump(${time})`, world => world.jump(time))),
  fc.integer({ min: 1, max: 3 }).map(times => command(`fault(${times})`, world => world.fault(times))),
  fc.constant(command('revoke()', world => world.revoke())),
  fc.constant(command('rotateKeys()', world => world.rotateKeys())),
  fc.constant(command('reload()', world => world.reload())),
]

const options: fc.Arbitrary<ModelOptions> = fc.record({
  mode: fc.constantFrom('storage', 'storage', 'cookie'),
  background: fc.constantFrom('off', 'always'),
  retries: fc.nat({ max: 2 }),
  storageTicks: fc.constantFrom(0, 1, 4),
  shared: fc.boolean(),
  lifetime: fc.constantFrom(...LIFETIMES),
  refreshLifetime: fc.constantFrom(0, 10 * MINUTE),
  rotates: fc.boolean(),
})

describe('whatever happens in whatever order', () => {
  it('at most one refresh runs, no token is spent twice, nobody waits for ever, and no good session is lost', {
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

it('runs as often as it is told', () => {
  expect(RUNS).toBeGreaterThan(0)
})
