/** One session for many Node processes: its tokens and its lock are in Redis. */
import { setTimeout as pause } from 'node:timers/promises'
import { ExecutionError, Redlock, ResourceLockedError } from '@sesamecare-oss/redlock'
import type { Redis } from 'ioredis'
import {
  type Auth,
  type AuthLock,
  type AuthOptions,
  createAuth,
  sharedStorage,
  type TokenStorage,
} from 'tokenflight'

/** Every process that is given the same Redis and `name` shares the session. */
export function createSharedAuth(redis: Redis, name: string, options: AuthOptions, ttl?: number): Auth {
  return createAuth({
    ...options,
    name,
    storage: sharedStorage(redisStorage(redis), { lock: redisLock(redis, ttl) }),
  })
}

/** Keeps the session, which holds its tokens, under one key. */
function redisStorage(redis: Redis): TokenStorage {
  return {
    getItem: key => redis.get(key),
    setItem: (key, value) => redis.set(key, value),
    removeItem: key => redis.del(key),
  }
}

/**
 * One refresh at a time. The lock of a process that dies runs out after `ttl` milliseconds; that of one that lives is
 * extended. Keep `ttl` below `refreshTimeout`, so that no process that waits for a dead one goes on without the lock.
 */
function redisLock(redis: Redis, ttl = 5_000): AuthLock {
  const redlock = new Redlock([redis], {
    retryCount: 0,
    automaticExtensionThreshold: Math.floor(ttl / 3),
  })
  // A failed command rejects below; without a listener the error would also end the process.
  redlock.on('error', () => {})
  return {
    async request(name, { signal }, callback) {
      for (;;) {
        signal?.throwIfAborted()
        try {
          return await redlock.using([`lock:${name}`], ttl, callback)
        } catch (error) {
          if (!(await isHeld(error))) throw error
        }
        await pause(10 + Math.random() * 20, undefined, { ref: false })
      }
    },
  }
}

/** Whether another process holds the lock; anything else is Redis that does not answer, or the callback's own error. */
async function isHeld(error: unknown): Promise<boolean> {
  if (!(error instanceof ExecutionError)) return false
  const attempts = await Promise.all(error.attempts)
  return attempts.some(({ votesAgainst }) =>
    [...votesAgainst.values()].some(vote => vote instanceof ResourceLockedError),
  )
}
