import { Router } from 'express'
import { authenticate } from './authenticate.js'
import { generateAccessToken, generateRefreshToken, verifyRefreshToken } from './tokens.js'

const COOKIE_OPTIONS = { httpOnly: true, sameSite: 'lax', path: '/api/auth', maxAge: 7 * 24 * 60 * 60 * 1000 }

export const authRoutes = users => {
  const router = Router()

  router.post('/login', (req, res) => {
    const { email, password } = req.body
    const user = users.find(u => u.email === email)
    if (!user || user.password !== password) return res.status(401).json({ message: 'Invalid credentials' })
    res.cookie('refreshToken', generateRefreshToken(user), COOKIE_OPTIONS)
    res.json({ user: { id: user.id, email: user.email }, accessToken: generateAccessToken(user) })
  })

  router.post('/refresh', (req, res) => {
    const token = req.cookies.refreshToken
    if (!token) return res.status(401).json({ message: 'Unauthorized' })
    try {
      const payload = verifyRefreshToken(token)
      const user = users.find(u => u.id === payload.sub)
      if (!user || user.tokenVersion !== payload.version)
        return res.status(403).json({ message: 'Forbidden' })
      res.json({ accessToken: generateAccessToken(user) })
    } catch {
      res.status(403).json({ message: 'Forbidden' })
    }
  })

  router.post('/logout', (_req, res) => {
    res.clearCookie('refreshToken', { path: COOKIE_OPTIONS.path })
    res.json({ message: 'Logged out' })
  })

  router.post('/logout-everywhere', authenticate, (req, res) => {
    const user = users.find(u => u.id === req.user.sub)
    user.tokenVersion++
    res.json({ message: 'Logged out everywhere' })
  })

  return router
}
