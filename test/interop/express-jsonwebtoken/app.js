// A back end as most single-page applications have it. Written before, and without, tokenflight: leave it so.
import cookieParser from 'cookie-parser'
import express from 'express'
import { authRoutes } from './auth-routes.js'
import { authenticate } from './authenticate.js'

export const createApp = () => {
  const users = [{ id: 1, email: 'ada@example.com', password: 'lovelace', tokenVersion: 0 }]
  const posts = []

  const app = express()
  app.use(express.json())
  app.use(cookieParser())
  app.use('/api/auth', authRoutes(users))

  app.get('/api/posts', authenticate, (req, res) => {
    res.json(posts.filter(post => post.author === req.user.sub))
  })

  app.post('/api/posts', authenticate, (req, res) => {
    const post = { id: posts.length + 1, author: req.user.sub, title: req.body.title }
    posts.push(post)
    res.status(201).json(post)
  })

  app.use((_err, _req, res, _next) => {
    res.status(500).json({ message: 'Internal server error' })
  })

  return app
}
