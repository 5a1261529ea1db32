"""How the morning report looks: dark ink on light paper with gold, plain when printed."""

MOON = (
    '<svg class="moon" viewBox="0 0 64 64" aria-hidden="true"><circle cx="10" cy="14" r="1.4"/>'
    '<circle cx="54" cy="10" r="1"/><circle cx="48" cy="52" r="1.6"/><circle cx="6" cy="44" r="1"/>'
    '<path d="M42 44a20 20 0 1 1-9-33a16 16 0 1 0 17 22a20 20 0 0 1-8 11z"/></svg>'
)
STYLE = """
:root{--paper:#f6efe1;--card:#fffcf5;--ink:#1c2242;--soft:#5b5f79;--line:#e0d3ba;--gold:#a5731a;
--fill:#e9c477;--navy:#3a4a8c;--bad:#a3324a;--good:#2f6b4f;
--sans:"Hiragino Sans","Noto Sans JP","Noto Sans CJK JP","Yu Gothic",Meiryo,system-ui,sans-serif;
--serif:"Yu Mincho",YuMincho,"Hiragino Mincho ProN","Noto Serif JP","Noto Serif CJK JP",serif;
color-scheme:light}
*{box-sizing:border-box;margin:0}
body{font:15px/1.8 var(--sans);color:var(--ink);background:var(--paper);
font-feature-settings:"palt";line-break:strict}
.inner,main{max-width:1000px;margin:0 auto;padding:0 28px}
header{background:linear-gradient(180deg,#fffaf0,#fbf1dc);padding:44px 0 34px;
border-bottom:3px solid #e2b660}
.inner{position:relative}
.moon{position:absolute;right:28px;top:-14px;width:104px;fill:#e2b660}
.title{font:600 14px/1 var(--serif);letter-spacing:.4em;color:var(--gold)}
h1{font:600 42px/1.3 var(--serif);letter-spacing:.06em;margin:14px 0 20px}
h1 span{display:block;font-size:17px;color:var(--soft);letter-spacing:.16em}
.seal{display:inline-block;font:600 21px/1 var(--serif);letter-spacing:.28em;text-indent:.28em;
padding:11px 14px;border:2px solid;border-radius:7px;color:var(--good);margin-right:18px;
vertical-align:middle}
.failed .seal,.refused .seal{color:var(--bad)}
.skipped .seal,.stopped .seal,.waiting .seal,.running .seal{color:var(--navy)}
.lead{display:inline-block;font:500 18px/1.7 var(--serif);vertical-align:middle;max-width:560px}
.why{margin-top:20px;padding:12px 16px 12px 34px;border-left:3px solid #e2b660;max-width:44em;
background:#ffffffb3;font-size:15px;overflow-wrap:anywhere}
.decision{margin-top:12px;font-size:13px;overflow-wrap:anywhere;max-width:74ch}
.decision summary{margin:0}
dl{display:flex;flex-wrap:wrap;gap:8px 40px;margin-top:22px}
dt{font-size:11px;letter-spacing:.12em;color:var(--soft)}
dd{margin:0;font-size:14px;overflow-wrap:anywhere}
main{padding-top:12px;padding-bottom:40px}
section{margin-top:38px}
h2{font:600 22px/1.4 var(--serif);letter-spacing:.08em;display:flex;align-items:baseline;gap:14px;
padding-bottom:8px;margin-bottom:18px;border-bottom:1px solid var(--line)}
h2::before{content:"";width:7px;height:20px;align-self:center;border-radius:2px;
background:var(--fill)}
h2 small{font:400 12px var(--sans);letter-spacing:.04em;color:var(--soft)}
h3{font:600 14px/1.6 var(--sans);margin-bottom:8px;overflow-wrap:anywhere}
h3 small{font-weight:400;color:var(--bad);margin-left:8px}
p{color:var(--soft);font-size:13.5px}
header p{color:inherit}header .title{color:var(--gold)}header .lead{font-size:18px}
.note{margin:-8px 0 16px;max-width:56em}
.health{font-size:13.5px;padding-left:1.3em;margin-bottom:14px}
.flow{list-style:none;padding:0;display:grid;grid-template-columns:repeat(5,1fr);gap:14px}
.flow li{position:relative;background:var(--card);border:1px solid var(--line);border-radius:14px;
padding:14px 16px 12px;display:flex;flex-direction:column}
.flow li:not(:last-child)::after{content:"";position:absolute;right:-11px;top:50%;width:7px;
height:7px;border:2px solid var(--gold);border-width:2px 2px 0 0;
transform:translateY(-50%) rotate(45deg)}
.flow span{font-size:12px;color:var(--soft)}
.flow b{font:600 30px/1.35 var(--serif)}
.flow small{font-size:11.5px;color:var(--soft);min-height:1.6em}
table{border-collapse:collapse;width:100%;font-size:13px}
th{text-align:left;font-weight:500}
td,th{padding:6px 8px;vertical-align:middle}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(330px,1fr));gap:26px 40px;
align-items:start}
p+.columns{margin-top:14px}
.bars th{width:45%}.bars td:first-of-type{width:100%}.bars.wide th{width:11em;white-space:nowrap}
.bars i{display:block;height:9px;min-width:2px;border-radius:5px;
background:linear-gradient(90deg,var(--fill),var(--gold))}
.bars tr+tr,.metrics tr+tr,.gates tr+tr{border-top:1px solid color-mix(in srgb,var(--line) 60%,#0000)}
s{position:relative;display:block;height:16px;text-decoration:none;min-width:140px}
s::before{content:"";position:absolute;inset:7px 0;border-radius:1px;background:var(--line)}
s u{position:absolute;top:4px;height:8px;min-width:2px;border-radius:4px;
background:color-mix(in srgb,var(--navy) 38%,#0000)}
s b{position:absolute;top:2px;width:12px;height:12px;margin-left:-6px;border-radius:50%;
background:var(--navy);border:2px solid var(--card)}
s em{position:absolute;top:-2px;height:20px;width:0;border-left:2px dashed var(--gold)}
.plain{min-width:0}.plain p{font-size:12px;overflow-wrap:anywhere;margin-bottom:6px}
.plain table{background:var(--card);border:1px solid var(--line);font-size:12.5px}
.plain thead th{font-size:11.5px;color:var(--soft);border-bottom:1px solid var(--line)}
.plain tbody tr+tr{border-top:1px solid color-mix(in srgb,var(--line) 60%,#0000)}
.plain td,.plain th{padding:5px 8px}
.plain td,.plain thead th+th{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
.metrics th{width:7em;white-space:nowrap}.metrics td:nth-child(2){width:100%}
.gates{background:var(--card)}
.scroll{overflow-x:auto;border:1px solid var(--line);border-radius:14px;background:var(--card)}
.scroll+details,.legend+details{margin-top:14px}
.gates td,.gates th{padding:9px 14px}
.gates th{width:36%}
.gates th code{display:block;font:400 11px/1.5 ui-monospace,Menlo,monospace;color:var(--soft)}
.gates th small{display:block;font-weight:400;color:var(--bad);overflow-wrap:anywhere}
.gates td small{color:var(--soft)}
.gates .line{width:30%}
.mark{white-space:nowrap;font-weight:600;color:var(--good);width:5em}
.fail .mark{color:var(--bad)}.fail s b{background:var(--bad)}
.fail s u{background:color-mix(in srgb,var(--bad) 35%,#0000)}
summary{cursor:pointer;font-size:13px;color:var(--soft);margin-bottom:10px}
.score b{font:600 26px/1 var(--serif);color:var(--ink)}
.legend{display:flex;align-items:center;gap:6px;font-size:11.5px;margin:2px 0 10px}
.legend span:not(:first-child){margin-left:12px}
.band{width:22px;height:8px;border-radius:4px;background:color-mix(in srgb,var(--navy) 38%,#0000)}
.dot{width:10px;height:10px;border-radius:50%;background:var(--navy)}
.bound{height:14px;border-left:2px dashed var(--gold)}
.examples{list-style:none;padding:0;margin-top:14px;display:grid;gap:20px}
.examples li{background:var(--card);border:1px solid var(--line);border-radius:16px;
padding:16px 18px 18px}
.kind{display:inline-block;font-size:11px;color:var(--gold);border:1px solid;border-radius:99px;
padding:0 10px}
.asked{font-size:14.5px;color:var(--ink);margin:8px 0 12px}
.two{display:grid;grid-template-columns:1fr 1fr;gap:14px}
blockquote{font:500 15.5px/1.9 var(--serif);padding:10px 16px 12px;border-radius:4px 14px 14px;
border:1px solid var(--line);overflow-wrap:anywhere;word-break:auto-phrase}
blockquote.new{border-color:var(--fill);background:color-mix(in srgb,var(--fill) 16%,#0000)}
cite{display:block;font:400 11px/1.8 var(--sans);color:var(--soft)}
.evaluator+.evaluator{margin-top:28px}.evaluator>p{margin-bottom:12px}
.reasons{font-size:13px;padding-left:1.3em;margin-bottom:12px;color:var(--bad)}
.picture{margin:0}.picture svg{display:block;width:100%;height:auto;overflow:visible}
.picture text{font-family:var(--sans)!important}
footer{text-align:center;font-size:12px;color:var(--soft);padding:6px 0 40px;letter-spacing:.1em}
@media(max-width:760px){.inner,main{padding-left:18px;padding-right:18px}h1{font-size:30px}
.moon{width:70px}.flow{grid-template-columns:1fr 1fr}.flow li::after{display:none}
.two,.columns{grid-template-columns:minmax(0,1fr)}.seal{margin-bottom:12px}
h2{flex-wrap:wrap;gap:2px 12px}.lead{display:block}
.gates tr{display:grid;grid-template-columns:5em 1fr auto;padding:8px 0}.gates tr>*{padding:3px 12px}
.gates th,.gates .line{width:auto;grid-column:2/4}.gates .mark{grid-row:1}
.gates .line{grid-column:1/4}.gates td.n{grid-column:2;text-align:left}
.gates td.n:last-child{grid-column:3;text-align:right}}
@media print{section{break-inside:avoid}}
"""
