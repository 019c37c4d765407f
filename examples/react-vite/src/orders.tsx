import { useCallback, useEffect, useState } from 'react'
import { isSessionExpired } from 'tokenflight'
import { useAuth, useClaims } from 'tokenflight/react'
import { loadShops, type Shop } from './session.ts'

export function Orders() {
  const { expiresAt, logout } = useAuth()
  const user = useClaims(claims => claims.sub)
  const [shops, setShops] = useState<Shop[]>([])
  const [loads, setLoads] = useState(0)
  const [problem, setProblem] = useState('')

  const load = useCallback(async (signal?: AbortSignal) => {
    try {
      setShops(await loadShops(signal))
      setLoads(count => count + 1)
      setProblem('')
    } catch (error) {
      // The end of the session shows as the login page.
      if (!signal?.aborted && !isSessionExpired(error)) setProblem('The server cannot be reached. Try again.')
    }
  }, [])
  useEffect(() => {
    const controller = new AbortController()
    void load(controller.signal)
    return () => controller.abort()
  }, [load])

  return (
    <main>
      <header>
        <h1>Orders</h1>
        <span className="quiet">logged in as {user}</span>
        <button type="button" onClick={logout}>
          Log out
        </button>
      </header>
      <p role="alert">{problem}</p>
      <section className="shops">
        {shops.map(({ name, orders }) => (
          <article className="card" key={name}>
            <h2>{name}</h2>
            <ul>
              {orders.map(({ id, item }) => (
                <li key={id}>{item}</li>
              ))}
            </ul>
          </article>
        ))}
      </section>
      <div className="bar">
        <button className="primary" type="button" onClick={() => load()}>
          Load all four again
        </button>
        <output>
          Load {loads}; the token lives until {expiresAt && new Date(expiresAt).toLocaleTimeString()}
        </output>
      </div>
    </main>
  )
}
