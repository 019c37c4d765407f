import { connect } from './session.js'

const { api, auth } = connect('https://api.example.com')

const { data } = await api.post('/auth/login', { username: 'ada', password: 'lovelace' })
await auth.login(data)

export const orders = await api.get('/orders') // with a good token, now and in a week
export { auth }
