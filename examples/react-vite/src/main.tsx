import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { BrowserRouter } from 'react-router'
import { AuthProvider } from 'tokenflight/react'
import { App } from './app.tsx'
import { auth } from './session.ts'
import '../../style.css'

createRoot(document.getElementById('app') as HTMLElement).render(
  <StrictMode>
    <AuthProvider auth={auth}>
      <BrowserRouter>
        <App />
      </BrowserRouter>
    </AuthProvider>
  </StrictMode>,
)
