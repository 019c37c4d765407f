import jwt from 'jsonwebtoken'

const ACCESS_SECRET = process.env.JWT_ACCESS_SECRET || 'access-secret'
const REFRESH_SECRET = process.env.JWT_REFRESH_SECRET || 'refresh-secret'

export const generateAccessToken = user =>
  jwt.sign({ sub: user.id, email: user.email }, ACCESS_SECRET, { expiresIn: '15m' })

export const generateRefreshToken = user =>
  jwt.sign({ sub: user.id, version: user.tokenVersion }, REFRESH_SECRET, { expiresIn: '7d' })

export const verifyAccessToken = token => jwt.verify(token, ACCESS_SECRET)

export const verifyRefreshToken = token => jwt.verify(token, REFRESH_SECRET)
