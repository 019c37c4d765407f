/** nock, under axios's adapter for Node and under `fetch`. */
import nock from 'nock'
import { afterEach, beforeEach, describe } from 'vitest'
import { API } from '../support/axios.js'
import { tellServerStories } from './mock-servers.js'

beforeEach(() => nock.disableNetConnect())
afterEach(() => {
  nock.cleanAll()
  nock.enableNetConnect()
  nock.restore()
  nock.activate()
})

describe('nock', () => {
  tellServerStories(backend => {
    const server = nock(API).persist()
    for (const method of ['GET', 'POST'])
      server.intercept(/.*/, method).reply(function (path) {
        const { status, body } = backend.answer(path, this.req.headers['authorization'])
        return [status, body]
      })
  })
})
