import { createAuthPlugin } from 'tokenflight/vue'
import { createApp } from 'vue'
import AccountButton from './AccountButton.vue'
import { auth } from './session.js'

export const app = createApp(AccountButton).use(createAuthPlugin(auth))
app.mount('#app')
