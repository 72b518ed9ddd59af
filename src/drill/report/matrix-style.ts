/** The page's only style sheet. Colours of verdicts hold 4.5:1 against their grounds, and never stand alone: every verdict has its word and mark. */
export const matrixStyle = `
:root{color-scheme:light dark;--ground:#f6f7f5;--card:#fff;--ink:#1a211f;--soft:#5c6864;--line:#dde2df;--bar:#2f6f8f;--track:#e9edeb;--code:#eef1ef;
--pass:#17693d;--pass-ground:#e2f3e8;--fail:#a8201a;--fail-ground:#fbe6e4;--unknown:#85530a;--unknown-ground:#fcf0d9;--not-run:#5c6864;--not-run-ground:#eceeed;--known-loss:#7a3a86;--known-loss-ground:#f4e7f6}
@media (prefers-color-scheme:dark){:root{--ground:#121615;--card:#1a1f1e;--ink:#e6ebe8;--soft:#9aa7a2;--line:#2c3432;--bar:#5aa5c8;--track:#262d2b;--code:#242b29;
--pass:#6fd19b;--pass-ground:#15301f;--fail:#ff8f86;--fail-ground:#3a1816;--unknown:#f0be62;--unknown-ground:#352708;--not-run:#9aa7a2;--not-run-ground:#262d2b;--known-loss:#d79be3;--known-loss-ground:#301b36}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 ui-sans-serif,system-ui,"Segoe UI",Roboto,"Helvetica Neue",sans-serif}
header{padding:2.4rem 0 2rem;border-bottom:1px solid var(--line);border-top:6px solid var(--tone);background:var(--tone-ground)}
header>*,main{max-width:1120px;margin-inline:auto;padding-inline:1.5rem}
header p{margin-block:0;color:var(--soft)}
.eyebrow{font-size:.8rem;letter-spacing:.08em;text-transform:uppercase}
h1{font-size:clamp(1.6rem,4vw,2.3rem);line-height:1.2;margin-block:.3rem .5rem;font-weight:650;text-wrap:balance}
.mark{color:var(--tone);margin-right:.45em}
h2{font-size:1.05rem;margin:0 0 .8rem;font-weight:650}
main{padding-block:1.5rem}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:1.2rem 1.3rem;margin-bottom:1.2rem}
.pass{--tone:var(--pass);--tone-ground:var(--pass-ground)}.fail{--tone:var(--fail);--tone-ground:var(--fail-ground)}
.unknown{--tone:var(--unknown);--tone-ground:var(--unknown-ground)}.not-run{--tone:var(--not-run);--tone-ground:var(--not-run-ground)}
.known-loss{--tone:var(--known-loss);--tone-ground:var(--known-loss-ground)}.losses{color:var(--tone);font-weight:600}.aside{color:var(--soft);margin:-.5rem 0 .8rem}
h2 small{font-weight:400;color:var(--soft)}.runs small{display:block;color:var(--soft);font-weight:400;white-space:normal}.runs tbody th{white-space:normal}.runs a{color:inherit}
.runs thead th:nth-child(n){width:auto}.runs thead th:first-child{width:7.6rem}
details.run>summary{display:flex;flex-wrap:wrap;gap:.3rem .9rem;align-items:baseline}details.run>summary h2{margin:0;color:var(--ink)}details.run[open]>summary{margin-bottom:.8rem}.runs .number small{max-width:16rem;text-align:right}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(165px,1fr));gap:1.1rem 1.6rem}
.figures div{display:flex;flex-direction:column}
.figures .label{color:var(--soft);font-size:.8rem}
.figures strong{font-size:1.75rem;line-height:1.25;font-weight:620;font-variant-numeric:tabular-nums;white-space:nowrap}
.figures small{color:var(--soft);line-height:1.35}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;min-width:760px}
th,td{text-align:left;vertical-align:top;padding:.55rem .7rem .55rem 0}
thead th:nth-child(1){width:7.6rem}thead th:nth-child(2){width:10rem}thead th:nth-child(3),thead th:nth-child(4){width:8.8rem}
thead th:nth-child(6){width:5.4rem}thead th:nth-child(7){width:6.6rem}
thead th{font-size:.78rem;font-weight:550;color:var(--soft);border-bottom:1px solid var(--line)}
tbody tr:not(.details)>*{border-top:1px solid var(--line)}tbody tr:first-child>*{border-top:0}
tbody th{font-weight:600;white-space:nowrap}
.details td{padding-top:0}
.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.chip{display:inline-block;background:var(--tone-ground);color:var(--tone);border-radius:5px;padding:.05rem .5rem;font-weight:600;white-space:nowrap}
details summary{color:var(--soft);cursor:pointer;font-size:.87rem}
.evidence{margin:.35rem 0;font-size:.85rem;color:var(--soft)}.evidence span{display:inline-block;margin-right:1rem}
ul{list-style:none;margin:.2rem 0 .5rem;padding:0}
li.harm,li.warning,li.note{border-left:3px solid var(--edge);padding:.15rem 0 .15rem .8rem;margin-bottom:.55rem;overflow-wrap:anywhere}
.harm{--edge:var(--fail)}.warning{--edge:var(--unknown)}.note{--edge:var(--line)}
li i{color:var(--soft);font-style:normal;font-size:.85rem}
.next{margin-top:.25rem;display:flex;gap:.6rem;align-items:baseline}.next span{color:var(--soft);font-size:.8rem;flex:none}
code{font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;background:var(--code);border-radius:5px;padding:.1rem .45rem;overflow-wrap:anywhere}
.phases{list-style:none;margin:0;padding:0}
.phases li{display:grid;grid-template-columns:minmax(9rem,16rem) 1fr 6rem;gap:.9rem;align-items:center;padding:.16rem 0}
.track{background:var(--track);border-radius:4px;height:12px;overflow:hidden}.bar{display:block;height:100%;background:var(--bar);border-radius:4px}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,340px),1fr));gap:0 1.2rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.35rem 1.1rem;margin:0}dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
@media (max-width:560px){.phases li{grid-template-columns:1fr 5.5rem;row-gap:.1rem;padding-bottom:.5rem}.track{grid-column:1/-1;grid-row:2}header>*,main{padding-inline:1rem}section{padding:1rem}}
@media print{:root{--ground:#fff;--card:#fff}body{font-size:11px}header{padding:1rem 0}header>*,main{padding-inline:0}section{break-inside:avoid;padding:.6rem 0;border-width:1px 0 0;border-radius:0}
.scroll{overflow:visible}table{min-width:0}details::details-content{content-visibility:visible;display:block}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
`
