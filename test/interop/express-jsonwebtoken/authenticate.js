import { verifyAccessToken } from './tokens.js'

export const authenticate = (req, res, next) => {
  const header = req.headers.authorization
  if (!header) return res.status(401).json({ message: 'No token provided' })
  try {
    req.user = verifyAccessToken(header.split(' ')[1])
    next()
  } catch (err) {
    res.status(401).json({ message: err.message })
  }
}
