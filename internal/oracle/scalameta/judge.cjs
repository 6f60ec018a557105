// node judge.cjs PARSER prints the declarations that scala.meta's parser finds in files, whose paths come on standard input, one a
// line: "file PATH", then "error ROW ROW" for a file that it cannot read, or "function ROW NAME" and "type ROW NAME". Rows from 0.
'use strict'
const fs = require('fs')
const { parseSource } = require(process.argv[2])

const kinds = {
  'Defn.Def': 'function', 'Decl.Def': 'function', 'Defn.Macro': 'function', 'Defn.Class': 'type', 'Defn.Trait': 'type',
  'Defn.Object': 'type', 'Defn.Enum': 'type', 'Defn.Type': 'type', 'Decl.Type': 'type', 'Pkg.Object': 'type_maybe',
  'Defn.Given': 'type_maybe',
}

for (const path of fs.readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
  const text = fs.readFileSync(path, 'utf8')
  const starts = [0]
  for (let i = text.indexOf('\n'); i >= 0; i = text.indexOf('\n', i + 1)) starts.push(i + 1)
  const row = (offset) => {
    let low = 0, high = starts.length
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if (starts[middle] <= offset) low = middle; else high = middle
    }
    return low
  }
  const out = ['file ' + path]
  const tree = parseSource(text)
  if (tree.error) out.push(`error 0 ${starts.length}`)
  const stack = [tree]
  while (stack.length > 0) {
    const node = stack.pop()
    if (!node || typeof node !== 'object') continue
    if (Array.isArray(node)) { stack.push(...node); continue }
    if (node.type === 'Ctor.Secondary') out.push(`function_maybe ${row(node.pos.start)} this`)
    const kind = kinds[node.type]
    if (kind && node.name && node.name.value) out.push(`${kind} ${row(node.name.pos.start)} ${node.name.value}`)
    for (const key of Object.keys(node)) if (key !== 'pos') stack.push(node[key])
  }
  process.stdout.write(out.join('\n') + '\n')
}
