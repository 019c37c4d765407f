/** The client of the code that orval generates. */
import axios, { type AxiosRequestConfig } from 'axios'
import { createAuth, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

const server = 'https://api.example.test'
export const auth = createAuth({ refresh: refreshRequest({ url: `${server}/auth/refresh` }) })
export const api = axios.create({ baseURL: server })
attachAuth(api, auth)

/** The mutator: `override: { mutator: { path: './orval-mutator.ts', name: 'send' } }`. */
export const send = async <T>(config: AxiosRequestConfig): Promise<T> => (await api<T>(config)).data
