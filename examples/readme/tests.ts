import { HttpResponse, http } from 'msw'
import { setupServer } from 'msw/node'
import { mockAuth } from 'tokenflight/msw'

export const backend = mockAuth({ baseUrl: 'https://api.example.com/auth' })
export const server = setupServer(
  ...backend.handlers,
  http.get(
    'https://api.example.com/orders',
    backend.protect(() => HttpResponse.json([])),
  ),
)
