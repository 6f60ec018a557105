package source

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func parseText(t testing.TB, name, text string) *File {
	t.Helper()
	f, err := Parse(name, []byte(text))
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, text)
	}
	return f
}

// declared returns the declarations as "kind Owner.Name(params)", with a ; where there is no body.
func declared(f *File) []string {
	var all []string
	for _, d := range f.Decls {
		s := string(d.Kind) + " " + d.Qualified()
		if d.Kind == Function {
			var names []string
			for _, p := range d.Params {
				names = append(names, p.Name)
			}
			s += "(" + strings.Join(names, ",") + ")"
			if d.Body == (Span{}) {
				s += ";"
			}
		}
		all = append(all, s)
	}
	return all
}

func TestJSDeclarations(t *testing.T) {
	for _, test := range []struct {
		about string
		names string // extensions that it is tried with
		text  string
		want  []string
	}{
		{"functions", "js ts tsx", "function a(x){}\nasync function b({x, y: {z}, ...rest}, [p, , q] = [], ...r){}\nfunction* c(){}\nasync function* d(){}", []string{"function a(x)", "function b(x,z,rest,p,q,r)", "function c()", "function d()"}},
		{"bound by a variable", "js ts tsx", "const a = () => 1\nlet b = async x => x, c = function(){}\nvar d = function e(){}", []string{"function a()", "function b(x)", "function c()", "function d()", "function e()"}},
		{"not what a function was called for", "js ts tsx", "const a = (() => 1)()\nconst b = (function(){ return 1 })()\nconst c = xs.map(x => x)\nconst d = f(function(){})", nil},
		{"wrapped", "js ts tsx", "const A = memo((props) => null)\nconst B = React.memo(React.forwardRef(function Inner(props, ref) {}))\nconst c = useCallback(async () => {}, [])", []string{"function A(props)", "function B(props,ref)", "function Inner(props,ref)", "function c()"}},
		{"commonjs", "js", "exports.a = function(){}\nmodule.exports.b = () => {}\nmodule.exports = { c(){}, d: function(){}, e: () => 1, f, 'g-h': async () => {} }\nexports.i = exports.j = function(){}", []string{"function a()", "function b()", "function c()", "function d()", "function e()", "function g-h()", "function j()"}},
		{"default", "js ts", "export default function () {}", []string{"function default()"}},
		{"default arrow", "js ts tsx", "export default async (req, res) => {}", []string{"function default(req,res)"}},
		{"default class", "js ts tsx", "export default class extends A { run(){} }", []string{"class default", "function run()"}},
		{"prototype", "js", "Foo.prototype.bar = function(a){}\nFoo.baz = () => {}\nfunction Foo(){ this.qux = function(){}; this['x y'] = () => {} }", []string{"function Foo.bar(a)", "function Foo.baz()", "function Foo()", "function Foo.qux()", "function Foo.x y()"}},
		{"objects", "js ts tsx", "const api = { get(){}, set: function(v){}, users: { list: () => 1 }, get size(){ return 1 }, async *gen(){}, ['x'](){}, [Symbol.iterator](){}, delete(){}, 1(){} }", []string{"function api.get()", "function api.set(v)", "function api.users.list()", "function api.size()", "function api.gen()", "function api.x()", "function api.[Symbol.iterator]()", "function api.delete()", "function api.1()"}},
		{"classes", "js ts tsx", "class A extends B(C) { constructor(a){ super(a) } static s(){} async b(){} *g(){} async *ag(){} get p(){ return 1 } set p(v){} #q(){} static #r = () => 1; h = async (x) => x; delete(){} get(){} set(){} static(){} async(){} 'quoted'(){} ['c'](){} static { init() } static async *[Symbol.asyncIterator](){} }", []string{
			"class A", "function A.constructor(a)", "function A.s()", "function A.b()", "function A.g()", "function A.ag()", "function A.p()", "function A.p(v)", "function A.#q()", "function A.#r()", "function A.h(x)", "function A.delete()", "function A.get()", "function A.set()", "function A.static()", "function A.async()", "function A.quoted()", "function A.c()", "function A.[Symbol.asyncIterator]()",
		}},
		{"class fields named like modifiers", "js ts", "class A { static\n get\n x(){}\n async = 1\n static = 2; get; set\n ['y'] = () => 1 }", []string{"class A", "function A.x()", "function A.y()"}},
		{"class bound", "js ts tsx", "const A = class { m(){} }\nexports.B = class C { n(){} }", []string{"class A", "function A.m()", "class B", "class C", "function B.n()"}},
		{"mentions", "js ts tsx", "requireAuth()\nconst o = { requireAuth, a: requireAuth }\nimport { requireAuth } from 'x'\nexport { requireAuth }\nlet f = requireAuth\nclass A { b = requireAuth }\nnew requireAuth\nfor (const requireAuth of xs) {}", []string{"class A"}},
		{"comments and strings", "js ts tsx", "// function a(){}\n/* function b(){} */\nconst s = 'function c(){}' + \"function d(){}\" + `function e(){} ${'function f(){}'}` + /function g(){}/.source\n/** class H {} */", nil},
		{"nested templates", "js ts tsx", "const s = `a ${ `b ${ (() => { function in1(){} return `}` })() } c` } d`; function out(){}", []string{"function in1()", "function out()"}},
		{"regular expressions", "js ts tsx", "let a = b / c; function d1(){} /e/.test(x)\nif (x) /function no(){/.test(y)\nwhile (x) /[/'\"]/.exec(y)\nlet r = a++ / 2 / (b) / 3; function d2(){}\nconst q = x => /}/g\nreturn_ = [/\"/, /'/]; function d3(){}\n({}) / /`/; function d4(){}", []string{"function d1()", "function d2()", "function q(x)", "function d3()", "function d4()"}},
		{"a block, then a regular expression", "js ts", "{} /function no(){}/g\nfunction a(){} /`/.test(x); function b(){}", []string{"function a()", "function b()"}},
		{"automatic semicolons", "js ts", "let a = 1\nlet b = a\n++b\nfunction f(){ return\n  function g(){} }\nvar yield_ = async\nfunction h(){}", []string{"function f()", "function g()", "function h()"}},
		{"tags", "js tsx", "const A = () => <div className=\"function no(){}\" onClick={() => { function yes(){} }}>function no() it's {/* function no */} {`a`} <b.c.d x:y='1' {...z} data-a-b/> </div>\nfunction After(){ return <><p>class X</p>{list.map(i => <li key={i}>{i}</li>)}</> }", []string{"function A()", "function yes()", "function After()"}},
		{"less is no tag", "js tsx", "if (a < b && c > d) {}\nfunction f(){ return a <b / 2 }\nconst g = (x) => x < 3 ? 1 : 2", []string{"function f()", "function g(x)"}},
		{"generic arrows", "tsx", "const a = <T,>(x: T) => x\nconst b = <T extends object>(x: T): T => <div>{x}</div>\nconst c = useState<string>(null)", []string{"function a(x)", "function b(x)"}},
		{"assertions", "ts", "const a = <any>(b as unknown)\nconst c = <T>(x: T): x is T => !!x\nlet d = <const>['x'], e = f<T>(y), g = h<A, B>`t`", []string{"function c(x)"}},
		{"arguments against less", "ts tsx", "f(a < b, c > (d))\nconst z = new Map<string, Array<Array<() => void>>>()\nx = a < b ? c : d\ny = i<n>>1\nw = a?.b<T>()\nfunction k(){}", []string{"function k()"}},
		{"the type is not the name", "ts tsx", "const handler: Handler<Req> = async (req) => {}\nconst f: (a: string) => void = (b) => {}\nlet g: { h(): void } = { h(){} }", []string{"function handler(req)", "function f(b)", "function g.h()"}},
		{"overloads and abstract", "ts tsx", "function a(x: string): void\nfunction a(x: number): void\nfunction a(x: any) {}\nabstract class B { abstract c(): void; d(x: string): void; d(x: any) {} abstract get e(): number }", []string{"function a(x);", "function a(x);", "function a(x)", "class B", "function B.c();", "function B.d(x);", "function B.d(x)", "function B.e();"}},
		{"interfaces", "ts tsx", "interface A<T> extends B<T>, C { m(a: T): void; n?(): void\n readonly p: string; (x: number): string; new (y: string): A; [key: string]: any; get g(): number; f: () => void }\ntype D = { m(): void }\ntype E<T> = T extends infer U extends string ? `a${U}` : never", []string{"interface A", "function A.m(a);", "function A.n();", "function A.g();", "type D", "type E"}},
		{"enums and namespaces", "ts tsx", "enum A { B = 1, C }\nconst enum D {}\ndeclare enum E {}\nnamespace F { export function g(){} export namespace H.I { export class J { k(){} } } }\ndeclare module 'x' { function l(): void }\ndeclare function m(a: string): void\ndeclare const n: (a: string) => void\ndeclare global { interface Window { o(): void } }", []string{"class A", "class D", "class E", "function F.g()", "class F.H.I.J", "function F.H.I.J.k()", "function l();", "function m(a);", "interface Window", "function Window.o();"}},
		{"parameters", "ts tsx", "class A { constructor(private readonly db: Db, @Inject(X) public y?: Map<string, Set<number>>, { z, w: [v] }: O = {}, ...rest: string[]) {} m(this: A, a = (b, c) => 1, d: () => void = () => {}) {} }", []string{"class A", "function A.constructor(db,y,z,v,rest)", "function A.m(a,d)"}},
		{"choices with arrows", "ts", "const a = b ? (c) : d => e\nconst f = g ? (h): i => j : k\nconst l = m ? (n) => (o) : (p)", nil},
		{"words that are names too", "ts tsx", "type(x)\nnamespace.a()\nlet declare = 1, as = 2, of = 3\ndeclare = as\nabstract()\nmodule.exports = 1\ninterface_ = type\nasync()\nasync(x)\nget = set\nfor (const of of of) {}\nlabel: for (;;) break label\nfunction type(type: type) {}", []string{"function type(type)"}},
		{"decorated", "ts tsx", "@A @B.c({ d: '}', e: [() => {\n} ] })\nexport class F { @G() h: string; @I\n @J(\n1,\n2)\n async k(@L() l: string) {} @M n = () => {} }", []string{"class F", "function F.k(l)", "function F.n()"}},
		{"one line, carriage returns and tabs", "js ts", "\ufeff\r\n\tasync\tfunction\ta\t(\r\n\tx\r\n)\r\n{\r\n}\r\nconst b\r\n=\r\n(\r\n)\t=>\r\n{\r\n}\r\n", []string{"function a(x)", "function b()"}},
		{"first line of a script", "js ts", "#!/usr/bin/env node function no(){}\nfunction a(){}", []string{"function a()"}},
	} {
		for _, ext := range strings.Fields(test.names) {
			t.Run(test.about+"."+ext, func(t *testing.T) {
				f := parseText(t, "a."+ext, test.text)
				if diff := cmp.Diff(test.want, declared(f)); diff != "" {
					t.Errorf("%s\n(-want +got)\n%s", test.text, diff)
				}
			})
		}
	}
}

// A function that is bound to another name than its own is found by both, each at its line.
func TestJSOwnName(t *testing.T) {
	f, err := Parse("a.js", []byte("x.y =\n  function own() {}\nclass Z {}\nmodule.exports = a.b =\n\n  class Own {}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for name, line := range map[string]int{"y": 1, "own": 2, "Own": 6} {
		if found := f.Lookup(name); len(found) != 1 || found[0].Line != line {
			t.Errorf("%s: %+v, want line %d", name, found, line)
		}
	}
}

func TestJSCalls(t *testing.T) {
	text := "a.b?.c(1, [2, 3], {d: 4})\nthis.x()\nnew Foo(y)\nnew Bar\nnew ns.Baz().run()\ntag`a${f()}`\na()()\nf().then(g)\nx['y'](1)\nx[i].z()\n" +
		"a\n  .b // c\n  .d()\nimport('m')\n#p in o\nsuper.q()\nasync(r)\nobj.#s();\n(0, t.u)()\nvoid v()\na?.()\nimport.meta.resolve('w')"
	f := parseText(t, "a.js", "class K { m() {\n"+strings.ReplaceAll(text, "import('m')", "import('m');")+"\n} }")
	var have []string
	for _, c := range f.Calls {
		var args []string
		for _, a := range c.Args {
			args = append(args, f.part(a))
		}
		have = append(have, fmt.Sprintf("%d %s(%s)", c.Line-1, c.Name, strings.Join(args, "|")))
	}
	want := []string{
		"1 a.b.c(1|[2, 3]|{d: 4})", "2 this.x()", "3 Foo(y)", "4 Bar()", "5 ns.Baz()", "5 ?.run()", "6 tag(`a${f()}`)", "6 f()", "7 a()",
		"7 ?()", "8 f()", "8 ?.then(g)", "9 x.y(1)", "10 ?.z()", "11 a.b.d()", "14 import('m')", "16 super.q()", "17 async(r)",
		"18 obj.#s()", "19 ?()", "20 v()", "21 a()", "22 import.meta.resolve('w')",
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if f := parseText(t, "a.tsx", "const a = <Comp x={y}><Other/></Comp>\nf<T>(g<A, B>(1), 2)\nh!.i!();\n(j as K).l()\n@M() class N {}"); len(f.Calls) != 5 || len(f.Calls[0].Args) != 2 || f.Calls[2].Name != "h.i" {
		t.Errorf("calls in TypeScript: %+v", f.Calls)
	}
}

func TestJSImports(t *testing.T) {
	f := parseText(t, "a.ts", `import 'side'
import a from "a"
import b, { c as d, type e } from 'b'
import * as g from 'g'
import type { H } from 'h'
import j = require('j')
export { k } from 'k'
export * from 'l'
export * as m from 'm'
export type { N } from 'n'
const o = require('o'), { p } = require("p")
async function q() { await import('q'); require(r); import(`+"`s${t}`"+`) }
import u from './u.json' with { type: 'json' }
type V = import('v').V
// import 'no'
const w = "import 'no'"
import type from 'x'
import { type } from 'y'`)
	var have []string
	for _, i := range f.Imports {
		have = append(have, strings.TrimSpace(i.Module+" "+strings.Join(i.Names, ",")+" "+i.Alias))
	}
	want := []string{
		"side", "a  a", "b c,e b", "g  g", "h H", "j  j", "k k", "l", "m  m", "n N", "o", "p", "q", "./u.json  u", "v", "x  type", "y type",
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Every fact of the table stands in one line; "line name" is wanted of it.
func TestJSFacts(t *testing.T) {
	named := func(refs []Reference) []string {
		var all []string
		for _, r := range refs {
			all = append(all, fmt.Sprintf("%d %s", r.Line, r.Name))
		}
		return all
	}
	for _, test := range []struct {
		about, name, text string
		facts             func(f *File) []string
		want              []string
	}{
		{"handled", "a.js", `try { a() } catch (e) { log(e) }
try { a() } catch {}
try { a() } catch (e) { /* later */ }
try { a() } finally { b() }
try { a() } catch (e) { throw e }
try { a() } catch (e) { throw new Error('x', { cause: e }) }
p.catch(e => report(e))
p.catch(() => {})
p.catch(noop)
p.then(a, onError)
p.then(a)
fs.readFile(p, (err, d) => { if (err) return cb(err); use(d) })
fs.readFile(p, (err, d) => { use(d) })
if (err) {}
if (err) throw err
// try { a() } catch (e) { b() }
const s = "p.catch(f)"
p.catch(() => null)
p.catch(function (e) { throw e })
if (!ok) { a() }`, func(f *File) (all []string) {
			for _, h := range f.Handlers {
				all = append(all, fmt.Sprintf("%d %s", h.Line, h.How))
			}
			return all
		}, []string{"1 catch", "6 catch", "7 .catch", "10 .then", "12 if (err)"}},
		{"environment", "a.js", `const a = process.env.A
const b = process.env['B'] ?? import.meta.env.C
const { D, E: e = 'x', F = process.env.G } = process.env
Deno.env.get("H") + Bun.env.I
process.env.J = 'set'
delete process.env.K
const l = process?.env?.L
if (process.env.M === 'x') {}
// process.env.NO
const s = "process.env.NO"
env.NO; other.env.NO; process.env[no]
"N" in process.env
`, func(f *File) []string { return named(f.Env) }, []string{"1 A", "2 B", "2 C", "3 G", "3 D", "3 E", "3 F", "4 H", "4 I", "7 L", "8 M", "12 N"}},
		{"headers", "a.js", `res.set('A', '1'); res.setHeader("B", value)
res.header('C', ` + "`x`" + `); reply.header('D', 1).headers({ E: 'e' })
res.writeHead(200, { 'F': 'f', G: g })
new Response(body, { status: 1, headers: { 'H': 'h' } })
return_(NextResponse.json({}, { headers: new Headers({ I: 'i' }) }))
ctx.set('J', 'j'); response.headers.set('K', 'k'); res.status(200).set({ L: 'l' })
response.headers['M'] = 'm'
const config = { async headers() { return [{ source: '/', headers: [{ key: 'N', value: 'n' }] }] } }
const h = new Headers(); h.set('O', 'o'); new Response(x, { headers: h })
res.append('P', 'p'); c.header('Q', 'q'); setHeader(event, 'R', 'r')
res.get('NO'); req.headers['NO']; req.get('NO'); response.headers.get('NO'); res.getHeader('NO')
fetch(url, { headers: { NO: 'x' } }); new Request(url, { headers: { NO: 'x' } }); axios.get(u, { headers: { NO: 1 } })
map.set('NO', 1); req.headers.set('NO', 'x'); xhr.setRequestHeader('NO', 'x'); formData.append('NO', 'x'); req.setHeader('NO', 'x')
// res.set('NO', 'x')
const s = "res.set('NO', 'x')"; if (response.headers['NO'] === 'x') {}
res.cookies.set('NO', 'x'); res.removeHeader('NO')
`, func(f *File) (all []string) {
			for _, h := range f.Headers {
				all = append(all, fmt.Sprintf("%d %s=%s %t", h.Line, h.Name, h.Value, h.Known))
			}
			return all
		}, []string{
			"1 A=1 true", "1 B= false", "2 C=x true", "2 D=1 true", "2 E=e true", "3 F=f true", "3 G= false", "4 H=h true", "5 I=i true",
			"6 J=j true", "6 K=k true", "6 L=l true", "7 M=m true", "8 N=n true", "9 O=o true", "10 P=p true", "10 Q=q true", "10 R=r true",
		}},
		{"middleware", "a.ts", `import helmet from 'helmet'
app.use(helmet())
app.use('/api', auth, limiter({ max: 1 }), errors.handler)
app.get('/x', requireAuth, validate(schema), (req, res) => {})
app.get('/y', handler)
router.route('/z').get(csrf, handler)
router.post('/w', [a, b.c], handler)
fastify.register(require('@fastify/cors')); fastify.register(cors, { origin: true })
fastify.addHook('onRequest', verifyJwt)
fastify.get('/v', { preHandler: [guard] }, handler)
app.useGlobalPipes(new ValidationPipe({ whitelist: true }))
consumer.apply(LoggerMiddleware, cookieParser()).forRoutes('*')
app.use(function named(req, res, next) {}); app.use((req, res) => {})
class C { @UseGuards(AuthGuard('jwt'), RolesGuard) m() {} }
// app.use(no())
const s = 'app.use(no())'; no(); axios.post('/x', no, config); map.get('a', no, 1)
export async function middleware(request) { return next() }
const m = { providers: [{ provide: APP_GUARD, useClass: ThrottlerGuard }] }
`, func(f *File) []string { return named(f.Middle) }, []string{
			"2 helmet", "3 auth", "3 limiter", "3 errors.handler", "4 requireAuth", "4 validate", "6 csrf", "7 a", "7 b.c", "8 @fastify/cors", "8 cors",
			"9 verifyJwt", "10 guard", "11 ValidationPipe", "12 LoggerMiddleware", "12 cookieParser", "13 named", "14 AuthGuard", "14 RolesGuard",
			"17 middleware", "18 ThrottlerGuard",
		}},
		{"tests", "a.js", `describe('login', () => {
  it('refuses', () => {})
  it.skip('skipped', () => {})
  describe.only(User.name, () => { test("works", async () => {}); xit('no', () => {}) })
  it.each([[1]])('row %i', (n) => {})
  it.todo('later'); it('pending')
})
describe.skip('off', () => { it('no', () => {}) })
test(` + "`a ${b}`" + `, fn)
test.concurrent('fast', async () => {}); test('no', { skip: true }, () => {})
Deno.test('deno', () => {}); Deno.test({ name: 'object', fn() {} }); Deno.test(function byName() {})
test('outer', async (t) => { await t.test('inner', () => {}) })
// it('no', () => {})
const s = "it('no', () => {})"; /x/.test('no', () => {}); test.beforeEach('no', () => {})
test.describe('group', () => { test('in', () => {}) })
it.each` + "`a|b`" + `('table', () => {})
`, func(f *File) (all []string) {
			for _, x := range f.Tests {
				all = append(all, fmt.Sprintf("%d %s", x.Line, x.Name))
			}
			return all
		}, []string{
			"2 login › refuses", "4 login › User.name › works", "5 login › row %i", "9 a ${b}", "10 fast", "11 deno", "11 object",
			"11 byName", "12 outer", "12 outer › inner", "15 group › in", "16 table",
		}},
	} {
		t.Run(test.about, func(t *testing.T) {
			if diff := cmp.Diff(test.want, test.facts(parseText(t, test.name, test.text))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestJSValidates(t *testing.T) {
	for _, test := range []struct {
		text, function, param string
		want                  bool
	}{
		{"function f(a) { if (!a) throw 1 }", "f", "a", true},
		{"function f(a) { return a ? 1 : 2 }", "f", "a", true},
		{"function f(a) { if (typeof a === 'string') g() }", "f", "a", true},
		{"const f = (a) => a.length > 3 && g(a)", "f", "a", true},
		{"function f(a) { switch (a) { case 1: } }", "f", "a", true},
		{"function f(a) { schema.parse(a) }", "f", "a", true},
		{"function f(a) { const r = schema.safeParse(a.b) }", "f", "a", true},
		{"function f(a) { Joi.object().validate(a) }", "f", "a", true},
		{"function f(a) { assert(a) }", "f", "a", true},
		{"function f({ a, b }) { validateEmail(a) }", "f", "a", true},
		{"function f({ a, b }) { validateEmail(a) }", "f", "b", false},
		{"function f(a) { g(a); log(a); return a }", "f", "a", false},
		{"function f(a) { x.a = 1; if (x.a) {} }", "f", "a", false},
		{"function f(a) { // if (a)\n g('if (a)') }", "f", "a", false},
		{"function f(a) { if ({ a: 1 }.b) {} }", "f", "a", false},
		{"function f(a) { return g(function (a) { if (a) {} }) }", "f", "a", false},
		{"function f(a) { return g((a) => a ? 1 : 2) }", "f", "a", false},
		{"function g(a) { if (a) {} }\nfunction f(a) {}", "f", "a", false},
		{"class C { f(@Param('id', ParseIntPipe) a: number) {} }", "C.f", "a", true},
		{"class C { f(@Body(new ValidationPipe({ whitelist: true })) a: Dto) {} }", "C.f", "a", true},
		{"class C { f(@Body() a: Dto) { return g(a) } }", "C.f", "a", false},
		{"class C { f(@Query('n', new DefaultValuePipe(1)) a: number) {} }", "C.f", "a", false},
		{"class C { @UsePipes(new ZodValidationPipe(s)) f(@Body() a: Dto) {} }", "C.f", "a", true},
	} {
		f := parseText(t, "a.ts", test.text)
		found := f.Lookup(test.function)
		if len(found) != 1 {
			t.Errorf("%s: %d declarations of %s", test.text, len(found), test.function)
			continue
		}
		if _, how, ok := f.Validates(found[0], test.param); ok != test.want {
			t.Errorf("%s: validated is %t (%s)", test.text, ok, how)
		}
	}
}

func TestJSBodiesAndSpans(t *testing.T) {
	f := parseText(t, "a.ts", "@Dec()\nexport class A {\n  /** m */\n  @Get(\n    'x')\n  public async m(\n    a: string,\n  ): Promise<void> {\n    call()\n  }\n}\nexport const b = async () =>\n  go()\n")
	got := map[string]string{}
	for _, d := range f.Decls {
		got[d.Qualified()] = fmt.Sprintf("%d %q … %q", d.Line, strings.SplitN(f.part(d.Span), "\n", 2)[0], strings.TrimSpace(f.part(d.Body)))
	}
	if got["A.m"] != `6 "@Get(" … "call()"` || got["b"] != `12 "export const b = async () =>" … "go()"` || !strings.HasPrefix(got["A"], `2 "@Dec()"`) {
		t.Errorf("%v", got)
	}
	m := f.Lookup("A.m")[0]
	if len(m.Decorators) != 1 || m.Decorators[0].Name != "Get" || m.Decorators[0].Text != "@Get(\n    'x')" || m.Params[0].Type != "string" {
		t.Errorf("%+v", m)
	}
}

// What the grammar does not allow is refused, with the line.
func TestJSRefused(t *testing.T) {
	for _, test := range []struct {
		name, text string
		line       int
	}{
		{"a.js", "f(\n", 2},
		{"a.js", "\nconst a = 'x\n", 2},
		{"a.js", "/* a", 1},
		{"a.js", "a\n`b ${c", 2},
		{"a.js", "}\n", 1},
		{"a.js", "function f( {}\n", 1},
		{"a.js", "let a = (1]\n", 1},
		{"a.js", "a = /b\n", 1},
		{"a.jsx", "<a><b></a></b>", 1},
		{"a.jsx", "<a>\n", 1},
		{"a.ts", "const a = <div>text</div>", 1},
		{"a.js", "\\", 1},
		{"a.js", "a #", 1},
	} {
		_, err := Parse(test.name, []byte(test.text))
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || syntax.Line < 1 || syntax.Line > test.line+1 || syntax.Message == "" {
			t.Errorf("%q: %v", test.text, err)
		}
	}
}

// Texts made to be expensive cost no more than their length, and never a panic.
func TestJSHostile(t *testing.T) {
	long, small, deep := 1<<20, 1<<13, 50_000
	if testing.Short() {
		long, small, deep = 1<<16, 1<<11, 10_000
	}
	for _, ext := range []string{"js", "ts", "tsx"} {
		for _, part := range []string{"{", "\"", "'", "/*", "${", "`", "`${", "<", "(", "["} {
			if ext == "js" || part == "<" || part == "(" || part == "${" { // the others do not depend on the dialect
				jsWork(t, ext, part, long)
			}
		}
		for _, part := range []string{
			"<a>", "a<", "a<(", "a(", "a=>", "(a)=>", "async(", "@a(", "class{", "function(){", "x?(y):", "a?.", "...", "#a ", "\\u", "/", "=>",
			"if(a)", "else ", "{a:", "new ", "!", "a?b:", "({a=", "<T>(", "let a:(", "a:{", "type A=[", "<a b={", "[a,", "export ", "a?(b):c=>",
		} {
			once, fourfold := jsWork(t, ext, part, small), jsWork(t, ext, part, 4*small)
			if fourfold > 2*4*max(once, small) {
				t.Errorf("%s %q: %d bytes looked at for %d, %d for four times as many", ext, part, once, small, fourfold)
			}
		}
		for _, pair := range [][2]string{{"(", ")"}, {"[", "]"}, {"{", "}"}, {"a(", ")"}, {"`${", "}`"}, {"(a=>", ")"}} {
			text := strings.Repeat(pair[0], deep) + "1" + strings.Repeat(pair[1], deep)
			_, err := Parse("a."+ext, []byte(text))
			var syntax *SyntaxError
			if err != nil && !errors.As(err, &syntax) {
				t.Errorf("%s %q: %v", ext, pair, err)
			}
		}
	}
}

// jsWork parses a text that repeats a part up to the size, and returns how many bytes the parser looked at.
func jsWork(t *testing.T, ext, part string, size int) int {
	t.Helper()
	f := &File{Text: []byte(strings.Repeat(part, size/len(part)))}
	f.indexLines()
	var syntax *SyntaxError
	if err := languageOf("a." + ext).parse(f); err != nil && !errors.As(err, &syntax) {
		t.Errorf("%s %q: %v", ext, part, err)
	}
	return f.work
}

// FuzzJSTokens: no text makes the lexer panic; its tokens are in order, within bounds, and leave only blanks out.
func FuzzJSTokens(f *testing.F) {
	for _, s := range []string{"", "a / b /c/g", "`a${`b`}c`", "<a b='c'>d{e}</a>", "class A<T> { #x = 1 }", "\ufeff#!x\n// y\n/* z */", "a\u2028b", "x = <T,>(y: T) => y"} {
		for _, name := range []string{"a.js", "a.ts", "a.tsx"} {
			f.Add(name, []byte(s))
		}
	}
	f.Fuzz(func(t *testing.T, name string, text []byte) {
		l := languageOf(name)
		if l == nil || l.tokens == nil || l.name != JavaScript && l.name != TypeScript || checkText(text) != nil {
			return
		}
		spans, err := l.tokens(text)
		if err != nil {
			return
		}
		at := 0
		blank := func(s Span) {
			rest := strings.TrimPrefix(string(text[s.Start:s.End]), "\ufeff")
			if strings.TrimSpace(strings.NewReplacer("\ufeff", "", "\u200b", "").Replace(rest)) != "" {
				t.Fatalf("%q is in no token", rest)
			}
		}
		for _, s := range spans {
			if s.Start < at || s.End <= s.Start && s.Start != at || s.End > len(text) {
				t.Fatalf("token %v after %d", s, at)
			}
			blank(Span{at, s.Start})
			at = s.End
		}
		blank(Span{at, len(text)})
		if _, err := Parse(name, text); err != nil {
			t.Fatalf("tokens but no facts: %v", err)
		}
	})
}
