// The style of the program's pages. Figures are drawn on white; in the dark they are inverted, and their hues turned
// back.
#pragma once

namespace swingrad {

inline constexpr const char* page_style = R"css(
:root { color-scheme: light dark; --ink: #1c2024; --soft: #5b6570; --paper: #ffffff; --panel: #f5f7f9; --line: #d9dee3;
  --right: 0 114 178; --mistake: 213 94 0; --strong: #ffffff; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 1rem; color: var(--ink); background: var(--paper);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: .5rem 0; }
h2 { font-size: 1.2rem; margin: 2rem 0 .75rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1rem 0 .5rem; }
p, figcaption, .headline dt { color: var(--soft); }
.headline { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem; margin: 1rem 0; }
.headline div { background: var(--panel); border-radius: .5rem; padding: .6rem .8rem; }
.headline dt { font-size: .85rem; }
.headline dd { margin: 0; font-size: 1.3rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.headline small { display: block; font-size: .85rem; font-weight: 400; color: var(--soft); }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1rem; }
figure { margin: 0; }
.figures img { width: 100%; height: auto; display: block; }
.wide { overflow-x: auto; background:
  linear-gradient(to right, var(--paper) 30%, transparent) 0 0 / 3rem 100% no-repeat local,
  linear-gradient(to left, var(--paper) 30%, transparent) 100% 0 / 3rem 100% no-repeat local,
  linear-gradient(to right, var(--line), transparent) 0 0 / 1rem 100% no-repeat scroll,
  linear-gradient(to left, var(--line), transparent) 100% 0 / 1rem 100% no-repeat scroll; }
.wide::-webkit-scrollbar { height: .6rem; }
.wide::-webkit-scrollbar-track { background: var(--panel); border-radius: .3rem; }
.wide::-webkit-scrollbar-thumb { background: var(--soft); border-radius: .3rem; }
.scrolls { display: none; font-size: .85rem; margin: 0 0 .25rem; }
td.name { max-width: 10rem; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
th, td { padding: .2rem .6rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { font-weight: 600; text-align: right; }
thead th { white-space: normal; vertical-align: bottom; }
th:first-child, td:first-child, .texts td, .texts th { text-align: left; }
.texts td, td.name { white-space: normal; overflow-wrap: anywhere; }
.texts th { font-weight: 400; color: var(--soft); vertical-align: top; }
.matrix td { text-align: center; min-width: 2.2rem; padding: .2rem .3rem; }
.matrix td.right { background: rgb(var(--right) / var(--shade)); }
.matrix td.mistake { background: rgb(var(--mistake) / var(--shade)); }
.matrix td.strong { color: var(--strong); }
.matrix td.none { color: var(--soft); opacity: .6; }
.matrix .upright { vertical-align: bottom; text-align: left; padding: .3rem 0; }
.matrix .upright span { writing-mode: vertical-rl; transform: rotate(180deg); max-height: 9rem; overflow: hidden; }
.matrix th[scope=row] { position: sticky; left: 0; background: var(--paper); max-width: 9rem; overflow: hidden;
  text-overflow: ellipsis; }
.classes .bar { width: 40%; min-width: 5rem; }
.classes .bar span { display: block; width: calc(var(--share) * 100%); height: .7rem; border-radius: .15rem;
  background: rgb(var(--right)); }
.classes .mean th, .classes .mean td { font-weight: 600; border-bottom: 0; }
.compared td { white-space: normal; overflow-wrap: anywhere; vertical-align: top; min-width: 5rem; max-width: 20rem; }
.compared th[scope=row] { font-weight: 400; color: var(--soft); vertical-align: top; }
.narrow { max-width: 36rem; }
.sheet img { max-width: 100%; height: auto; image-rendering: pixelated; border-radius: .25rem; display: block; }
.heat img { width: min(100%, 34rem); image-rendering: pixelated; border: 1px solid var(--line); display: block; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: 0 2rem; }
.images { display: grid; grid-template-columns: repeat(auto-fill, minmax(8rem, 1fr)); gap: 1rem; }
.images img { width: 100%; image-rendering: pixelated; border-radius: .25rem; display: block; }
.images figcaption { font-size: .85rem; line-height: 1.35; margin-top: .25rem; }
.images b { color: var(--ink); display: block; }
summary { cursor: pointer; }
pre { overflow-x: auto; background: var(--panel); padding: .75rem; border-radius: .5rem; font-size: .85rem; }
footer { margin-top: 3rem; font-size: .85rem; color: var(--soft); }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e6e6; --soft: #a3adb8; --paper: #1a1a1a; --panel: #26292d; --line: #3a3f45; --right: 40 140 205;
    --mistake: 225 110 20; }
  .figures img { filter: invert(.9) hue-rotate(180deg); }
}
@media (max-width: 30rem) {
  body { padding: .75rem; }
  th, td { padding: .2rem .35rem; }
  .matrix td { min-width: 1.7rem; padding: .2rem 0; }
  .classes .bar, .classes thead th:nth-child(2) { display: none; }
  .classes th[scope=row], .compared th[scope=row] { white-space: normal; overflow-wrap: break-word; min-width: 4.5rem;
    max-width: 7rem; }
  .headline { grid-template-columns: 1fr 1fr; }
  .scrolls { display: block; }
  .images { grid-template-columns: repeat(auto-fill, minmax(6rem, 1fr)); gap: .75rem; }
}
@media print { details > * { display: block; } }
)css";

}  // namespace swingrad
