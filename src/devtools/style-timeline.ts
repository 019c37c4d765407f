/** The look of the timeline. */
export const timelineStyle = `
.timeline{display:grid;align-content:start;gap:10px;min-width:0}
.bar,.tools,.tools label{display:flex;flex-wrap:wrap;align-items:center;gap:6px}
.bar{justify-content:space-between}
.tools label{margin-left:8px;color:var(--quiet);font-size:13px}
.tally{display:grid;grid-template-columns:repeat(6,minmax(0,1fr));gap:1px;overflow:hidden;border-radius:8px;
background:var(--line);box-shadow:0 0 0 1px var(--line)}
.tally div{display:flex;flex-direction:column-reverse;justify-content:flex-end;padding:5px 12px 6px;
background:var(--surface)}
.tally dt{color:var(--quiet);font-size:12px}
.tally dd{font:600 17px/1.25 var(--mono)}
.tally [data-bad] dd{color:var(--bad)}
.chart{position:relative;min-height:232px;padding:0 12px 8px;border-radius:8px;background:var(--surface);
box-shadow:0 0 0 1px var(--line);touch-action:pan-y;cursor:grab;user-select:none}
.chart:active{cursor:grabbing}
.chart svg{display:block;width:100%;overflow:visible}
.empty{position:absolute;inset:150px 24px auto 132px;color:var(--quiet);text-align:center;pointer-events:none}
.tick line,.rule{stroke:var(--line)}
.tick text{fill:var(--quiet);font:11px var(--mono)}
.label{fill:var(--ink);font:600 12.5px var(--sans)}
.note{fill:var(--quiet);font:11.5px var(--sans)}
.now{stroke:var(--ink)}
.guide{stroke:var(--edge);stroke-dasharray:2 3}
.hit{fill:transparent}
.key{width:14px;height:9px;border-radius:2px}
.attempt{fill:var(--good);background:var(--good)}
.attempt[data-status^="4"],.attempt[data-status^="5"],.replay[data-status^="4"],.replay[data-status^="5"]{fill:var(--bad)}
.replay{fill:var(--replay);background:var(--replay)}
.wait{fill:var(--wait-soft);stroke:var(--wait);stroke-width:.6;background:var(--wait-soft)}
.key.wait{box-shadow:inset 0 0 0 1px var(--wait)}
.open,.refused{fill:var(--way)}
.stop,.cap{fill:var(--bad)}
.key.refused{background:linear-gradient(90deg,var(--way) 60%,var(--bad) 60%)}
.lost,.unsent,.broken{stroke:var(--bad)}
.key.lost{background:repeating-linear-gradient(135deg,var(--bad) 0 1.5px,transparent 1.5px 4px);
box-shadow:inset 0 0 0 1px var(--bad)}
line.hatch-bad{stroke:var(--bad);stroke-width:2}
.flight{fill:var(--refresh);background:var(--refresh)}
.pending{fill:var(--way)}
.pause.part{fill:var(--wait-soft);stroke:var(--wait);stroke-width:.6;stroke-dasharray:3 2}
.key.pause{background:var(--wait-soft);outline:1px dashed var(--wait);outline-offset:-1px}
.access-token{fill:var(--accent-soft);stroke:var(--accent);stroke-width:.8;background:var(--accent-soft)}
.refresh-token{fill:var(--session-soft);stroke:var(--session);stroke-width:.8;background:var(--session-soft)}
line.hatch{stroke:var(--accent);stroke-width:2}
.key.window{background:repeating-linear-gradient(135deg,var(--accent) 0 1.5px,var(--accent-soft) 1.5px 4px)}
.spared{fill:var(--edge)}
.point{fill:var(--ink)}
.bad{fill:var(--bad)}
.mark{outline:none;cursor:help}
.mark:hover .hit{fill:color-mix(in srgb,var(--ink) 12%,transparent)}
.mark:focus-visible .hit{stroke:var(--ink);stroke-width:2}
.tip{position:absolute;z-index:3;display:grid;gap:2px;width:max-content;max-width:min(340px,100%);padding:9px 12px;
border-radius:8px;background:var(--ink);color:var(--surface);font-size:12.5px;line-height:1.4;
overflow-wrap:anywhere;pointer-events:none}
.legend{display:flex;flex-wrap:wrap;gap:5px 16px;color:var(--quiet);font-size:12.5px;list-style:none}
.legend li{display:flex;align-items:center;gap:6px}
@container(max-width:800px){
.tally{grid-template-columns:repeat(3,minmax(0,1fr))}
.chart{padding:0 4px 8px}
.empty{inset:150px 12px auto}
}
`
