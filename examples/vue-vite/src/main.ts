import { createAuthPlugin } from 'tokenflight/vue'
import { createApp } from 'vue'
import { RouterView } from 'vue-router'
import { router } from './router.ts'
import { auth } from './session.ts'
import '../../style.css'

createApp(RouterView).use(createAuthPlugin(auth)).use(router).mount('#app')
