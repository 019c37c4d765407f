// @ts-check
// VitePress's own theme, with a frame for the demo that `npm run docs` puts beside the pages.
import { withBase } from 'vitepress'
import theme from 'vitepress/theme'
import { h } from 'vue'

const LiveDemo = () =>
  h('iframe', {
    src: withBase('/demo/index.html'),
    title: 'The demo',
    style: { width: '100%', height: '80vh', border: '1px solid var(--vp-c-divider)', borderRadius: '8px' },
  })

// biome-ignore lint/style/noDefaultExport: VitePress reads it
export default {
  extends: theme,
  /** @param {import('vitepress').EnhanceAppContext} context */
  enhanceApp: ({ app }) => app.component('LiveDemo', LiveDemo),
}
