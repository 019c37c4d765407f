// @ts-check
// VitePress's own theme, with a frame for the demo that `npm run docs` puts beside the pages.
import { useData, withBase } from 'vitepress'
import theme from 'vitepress/theme'
import { defineComponent, h, onMounted, ref, watch } from 'vue'

const LiveDemo = defineComponent(() => {
  /** @type {import('vue').Ref<HTMLIFrameElement | undefined>} */
  const frame = ref()
  const { isDark } = useData()
  // The page in the frame follows the system until it has a scheme of its own.
  const applyScheme = () => {
    const page = frame.value?.contentDocument?.documentElement
    if (page) page.style.colorScheme = isDark.value ? 'dark' : 'light'
  }
  onMounted(applyScheme)
  watch(isDark, applyScheme)
  return () =>
    h('iframe', {
      ref: frame,
      src: withBase('/demo/index.html'),
      title: 'The demo',
      onLoad: applyScheme,
      style: { width: '100%', height: '80vh', border: '1px solid var(--vp-c-divider)', borderRadius: '8px' },
    })
})

// biome-ignore lint/style/noDefaultExport: VitePress reads it
export default {
  extends: theme,
  /** @param {import('vitepress').EnhanceAppContext} context */
  enhanceApp: ({ app }) => app.component('LiveDemo', LiveDemo),
}
