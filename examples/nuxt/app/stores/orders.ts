import { isAuthError } from 'tokenflight'
import { useAuth } from 'tokenflight/vue'

export interface Order {
  id: number
  item: string
}

export const useOrders = defineStore('orders', () => {
  const { $api } = useNuxtApp()
  const { status } = useAuth()
  const orders = ref<Order[]>()
  const loads = ref(0)

  async function load() {
    try {
      const answer = await $api<{ orders: Order[] }>('/api/orders')
      orders.value = answer.orders
      loads.value += 1
    } catch (error) {
      // `$fetch` wraps the error. The header and `app.vue` show the state of the session.
      if (!(error instanceof Error && isAuthError(error.cause))) throw error
    }
  }

  // The next user begins with an empty store.
  watch(status, now => {
    if (now === 'authenticated') return
    orders.value = undefined
    loads.value = 0
  })
  return { orders, loads, load }
})
