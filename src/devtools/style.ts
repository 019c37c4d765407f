/** The look. Text has a contrast of at least 4.5 to its ground, marks one of 3, in light and dark. */
import { timelineStyle } from './style-timeline.js'

/** Each colour, light and dark. An outer rule for `tokenflight-devtools` may set the `color-scheme`. */
const palette = `
--ground:light-dark(#f4f6f9,#0c0f15);
--surface:light-dark(#fff,#151a23);
--ink:light-dark(#161b26,#e7ebf3);
--quiet:light-dark(#566076,#9ba6ba);
--line:light-dark(#dde2ea,#283040);
--edge:light-dark(#858fa3,#66728a);
--accent:light-dark(#2653d4,#8aa8ff);
--good:light-dark(#14794c,#46c088);
--wait:light-dark(#b27a09,#dca63a);
--wait-soft:light-dark(#f6d48b,#6a5120);
--bad:light-dark(#cf2f2b,#ff7069);
--way:light-dark(#c3cad6,#434e62);
--replay:light-dark(#0a9d76,#7ff0c6);
--refresh:light-dark(#0b7f94,#4cc3d9);
--session:light-dark(#7446c4,#b598f2);`

/** The fill of shapes that have an edge in their own colour. */
const soft = (name: string): string => `--${name}-soft:color-mix(in srgb,var(--${name}) 34%,var(--surface));`

const panelStyle = `
:host{all:initial;color-scheme:light dark;
--mono:ui-monospace,Menlo,Consolas,monospace;
--sans:system-ui,sans-serif;${palette}}
.root{--sunken:color-mix(in srgb,var(--line) 50%,var(--surface));${['accent', 'session'].map(soft).join('')}}
*{box-sizing:border-box;margin:0;padding:0}
[hidden][hidden]{display:none}
.root{color:var(--ink);font:14px/1.45 var(--sans);font-variant-numeric:tabular-nums;-webkit-text-size-adjust:100%}
h2,h3{font-size:14px;font-weight:650}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.quiet{color:var(--quiet);font-size:12.5px}
button,select{min-height:32px;padding:4px 11px;border:1px solid var(--edge);border-radius:7px;background:var(--surface);
color:var(--ink);font:500 13px var(--sans);cursor:pointer}
button:hover{background:var(--sunken)}
button[aria-disabled=true]{opacity:.55;cursor:default}
button[aria-pressed=true]{border-color:var(--accent);background:var(--accent-soft)}
select{padding-right:6px}

.launcher{position:fixed;z-index:2147483000;display:flex;align-items:center;gap:7px;padding:0 12px;min-height:38px;
border-radius:19px;box-shadow:0 2px 10px rgb(0 0 0/18%)}
.launcher svg{width:20px;fill:none;stroke:var(--accent);stroke-width:2.6;stroke-linecap:round}
.launcher circle{fill:var(--surface)}
.dot,.state::before{flex:none;width:9px;height:9px;border-radius:50%;background:var(--edge)}
.dot[data-status=authenticated],.state[data-status=authenticated]::before{background:var(--good)}
.dot[data-status=expired],.state[data-status=expired]::before{background:var(--bad)}
[data-position^=bottom] .launcher{bottom:14px}
[data-position^=top] .launcher{top:14px}
[data-position$=right] .launcher{right:14px}
[data-position$=left] .launcher{left:14px}

.panel{position:fixed;z-index:2147483000;left:0;right:0;display:flex;flex-direction:column;height:min(66vh,640px);
border:0 solid var(--edge);background:var(--ground);box-shadow:0 0 24px rgb(0 0 0/22%)}
[data-position^=bottom] .panel{bottom:0;border-top-width:1px}
[data-position^=top] .panel{top:0;border-bottom-width:1px}
[data-embedded] .panel{position:static;height:auto;border-width:1px;border-color:var(--line);border-radius:10px;
box-shadow:none;overflow:hidden}
[data-embedded] .launcher{position:static;box-shadow:none}
header{display:flex;flex-wrap:wrap;align-items:center;gap:8px 20px;padding:8px 16px;border-bottom:1px solid var(--line);
background:var(--surface)}
header .close{margin-left:auto}
.session{display:flex;flex:1;flex-wrap:wrap;align-items:center;gap:8px 20px;min-width:0}
.state{display:flex;align-items:center;gap:8px;font-weight:600}
.state::before{content:""}
.state[data-status=expired]{color:var(--bad)}
.meter{display:grid;flex:0 1 180px;grid-template-columns:1fr auto;gap:3px 8px;min-width:120px;font-size:12.5px}
.meter span{color:var(--quiet)}
.meter b{font:600 12.5px var(--mono)}
.track{position:relative;grid-column:1/-1;height:6px;overflow:hidden;border-radius:3px;background:var(--sunken)}
.track i{position:absolute;inset:0;border-radius:3px;background:var(--accent);transform-origin:left}
[data-token=refresh] .track i{background:var(--session)}
.track u{position:absolute;top:0;bottom:0;width:2px;background:var(--surface)}
[data-token=refresh] .track u{display:none}

.panel,[data-embedded]{container-type:inline-size}
.body{display:grid;grid-template-columns:minmax(0,1fr) 300px;gap:16px;min-height:0;padding:14px 16px;overflow:auto}
.side{display:grid;align-content:start;gap:14px;min-width:0}
.controls{display:grid;grid-template-columns:1fr 1fr;align-content:start;gap:6px}
.controls h3{grid-column:1/-1}
.controls label{display:flex;grid-column:1/-1;align-items:center;justify-content:space-between;min-height:28px;
font-size:13px;cursor:pointer}
.controls input{appearance:none;width:34px;height:20px;border:1px solid var(--edge);border-radius:10px;
background:radial-gradient(circle at 9px,var(--edge) 6px,var(--sunken) 7px);cursor:inherit}
.controls input:checked{background:radial-gradient(circle at 23px,var(--surface) 6px,var(--accent) 7px)}
.events ol{display:grid;gap:4px;margin-top:6px;font-size:12.5px;line-height:1.4;list-style:none}
.events li{padding-left:52px;overflow-wrap:anywhere}
.events li.quiet{padding:0}
.events time{float:left;margin-left:-52px;color:var(--quiet);font:11.5px/1.5 var(--mono)}
.events strong{margin-right:7px;font-weight:600}
.events [data-bad] strong{color:var(--bad)}
summary{font-size:13px;cursor:pointer}
pre{margin-top:6px;padding:8px 10px;overflow:auto;max-height:220px;border-radius:8px;background:var(--sunken);
font:12px/1.45 var(--mono)}
[data-embedded] .events ol{max-height:330px;overflow:auto}
@container(max-width:1040px){
.body{grid-template-columns:minmax(0,1fr)}
.side{grid-template-columns:repeat(auto-fit,minmax(min(100%,300px),1fr))}
}
@media(max-width:800px){.panel{height:min(82vh,900px)}}
@container(max-width:800px){
.body,header{padding:8px 12px}
.state{flex-basis:100%}
.session{flex-basis:100%;order:3}
.meter{flex:1}
button,select{min-height:38px}
}
`

export const style: string = panelStyle + timelineStyle
