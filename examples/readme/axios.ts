import axios from 'axios'
import { attachAuth } from 'tokenflight/axios'
import { auth } from './session.js'

export const files = axios.create({ baseURL: 'https://api.example.com/files' })
export const detach = attachAuth(files, auth, {
  allowedOrigins: ['https://api.example.com', 'https://cdn.example.com'],
  skip: ['/files/public', /\.png$/, config => config.method === 'head'],
})

export const terms = await files.get('/terms', { skipAuth: true }) // this one needs no login
export const letter = await files.get('https://cdn.example.com/letter.pdf')
