package source

import (
	"errors"
	"testing"
)

func TestSwift(t *testing.T) {
	claims(t, "a.swift", []claim{
		{"comments and texts declare and call nothing", "// func a() { b() }\n/* func c() { } /* func d() { } */ func e() { } */\n/// func f() {}\nlet s = \"func g() { h() }\", t = #\"func i() { \"j()\" \\(k()) }\"#, u = \"\"\"\n  func l() { m() }\n  \"\"\"\nlet r = /func n\\/ \"o/, q = #/ func p() { \" /#\nfunc v() { w(\"x()\") }\n", []string{
			"no decl a", "no decl c", "no decl d", "no decl e", "no decl f", "no decl g", "no decl i", "no decl l", "no decl n", "no decl p", "decl function v 8", "call v w", "no call v x", "string func l() { m() }", "string func g() { h() }",
		}},
		{"signatures over lines, generics, labels, defaults", "public struct A<B: C, D> where B: E {\n  @F(\n    1, \"{\"\n  ) @G.H\n  public static func i<J, K>(\n    _ l: (J, K) -> Void, // , x: Y\n    with m: [String: Int] = [:],\n    n: inout D...,\n    @O p: @escaping @Sendable () async throws -> (Int, Q)?\n  ) async throws(R) -> Dictionary<String, [S?]>.T\n    where J: U,\n          K == V\n  {\n    w()\n  }\n  func x() -> some Y { z() }\n  mutating func aa() throws { bb() }\n  func cc<dd>(_: dd) {}\n}\n", []string{
			"decl class A 1 body 1-19", "decl function A.i 5 body 13-15", "params A.i l,m,n,p", "decorator A.i F", "decorator A.i G.H", "call A.i w", "decl function A.x 16", "call x z", "no decorator A.x F", "decl function A.aa 17",
			"decl function A.cc 18", "params cc _",
		}},
		{"what looks like a function and is none", "class A {\n  var b: Int { c() }\n  var d: Int { get { e() } set(x) { f() } }\n  lazy var g: () -> Void = { h() }\n  let i = { (j: Int) -> Int in k(j) }\n  var l = m { n() } { didSet { o() } }\n  class var p: Int { 1 }\n  enum Q { case r(Int), s(t: U), v }\n  func w() { self.init(x: 1); B.init(); let init_ = 1; super.init() }\n  @objc class func x() {}\n}\nfunc() \nlet func1 = y.func\n", []string{
			"no decl b", "no decl d", "no decl get", "no decl set", "no decl g", "no decl i", "no decl l", "no decl p", "decl class A.Q 8", "no decl r", "no decl s", "no decl A.init", "decl function A.x 10", "decorator x objc",
			"call w self.init", "call w B.init",
		}},
		{"types, extensions, protocols, operators, initializers", "extension A.B: C where D == E { func f() { } struct G { func h() { } } init() { } static func <= (l: A, r: A) -> Bool { i() } }\nfileprivate final class J: K<L>, M, @unchecked N { deinit { o() } convenience init?<T>(p: T) { q() } subscript(r: Int) -> Int { s() } }\nprotocol T: U, V { func w()\n func x(_ y: Z) -> AA\n init(bb: Int)\n subscript(cc: Int) -> Int { get } static func == (l: Self, r: Self) -> Bool\n associatedtype DD: EE }\nactor FF { nonisolated func gg() async {} }\nindirect enum HH { case ii }\ntypealias JJ<T> = [T]\nprefix func -(a: A) -> A { a }; func !~> <MM>(a: A, b: MM) { nn() }\nlet actor = KK(), `class` = 1\nfunc `default`() { ll() }\n", []string{
			"decl function A.B.f 1", "decl class A.B.G 1", "decl function A.B.G.h 1", "decl function A.B.init 1", "decl function A.B.<= 1", "no decl A.B", "decl class J 2", "decl function J.deinit 2", "decl function J.init 2",
			"params J.init p", "decl function J.subscript 2", "decl interface T 3", "decl function T.w 3", "decl function T.x 4", "decl function T.init 5", "decl function T.subscript 6", "decl function T.== 6", "decl type T.DD 7",
			"decl class FF 8", "decl function FF.gg 8", "decl class HH 9", "decl type JJ 10", "decl function - 11", "decl function !~> 11", "params !~> a,b", "call !~> nn", "no decl KK", "decl function default 13", "call default ll",
		}},
		{"functions within functions", "func a() { func b() { c() } d() }\n", []string{"decl function a 1", "decl function a.b 1", "call a.b c", "call a d"}},
		{"conditions of compilation", "#if A\nfunc b() {\n#elseif C\nfunc d() {\n#else\nfunc e() {\n#endif\n  f()\n}\n#if false\nfunc g() { \" }\n#else\nfunc h() { }\n#endif\n#if os(iOS)\nfunc i() { }\n#else\nfunc j() { }\n#endif\nlet x = #selector(k), y = #file\n#warning(\"l\")\n", []string{
			"decl function b 2", "no decl d", "no decl e", "call b f", "no decl g", "decl function h 13", "decl function i 16", "decl function j 18",
		}},
		{"a byte order mark, carriage returns and tabs", "\ufeffimport A\r\nclass B\r\n{\r\n\tfunc c(\r\n\t\t_ d: Int\r\n\t)\r\n\t{\r\n\t\te() // f()\r\n\t}\r\n}\r\n", []string{"import A", "decl function B.c 4 body 7-9", "params c d", "call c e", "no call c f"}},
		{"calls, with closures behind them too", "func a() {\n  b(1); c.d(); self.e(); super.f(); g?.h(); i!.j(); k[0].l(); m().n(); o<Int>(1); P<Q>.r(); try s(); await t(); try? u(); .v(w); \\.x; y { z() }; aa.bb { $0.cc() }; dd(1) { ee() } ff: { gg() }\n  if hh(ii) { } else if jj { } guard kk, let ll = mm() else { return } while nn { } switch oo { case .pp(let qq): rr(); case ss: break; default: tt() } for uu in vv where ww { xx() } do { } catch YY.zz(let e) { }\n  repeat { } while true; defer { aaa() }; bbb = ccc { ddd in eee(ddd) }; let fff: Int = (ggg); hhh.forEach { iii() }; return jjj { }\n  @KKK(lll: 1) var mmm = 1\n  _ = nnn\n  { ooo() }()\n}\n", []string{
			"call a b", "call a c.d", "call a self.e", "call a super.f", "call a g.h", "call a i.j", "call a ?.l", "call a m", "call a ?.n", "call a o", "call a ?.r", "call a s", "call a t", "call a u", "call a ?.v", "call a y",
			"call a z", "call a aa.bb", "call a $0.cc", "call a dd", "call a ee", "call a gg", "call a hh", "no call a jj", "no call a if", "call a mm", "no call a nn", "no call a oo", "no call a ?.pp", "call a rr", "call a tt", "no call a vv",
			"no call a ww", "call a xx", "no call a YY.zz", "no call a repeat", "no call a defer", "call a aaa", "call a ccc", "call a eee", "no call a fff", "call a hhh.forEach", "call a jjj", "no call a KKK", "no call a nnn", "call a ooo",
		}},
		{"filled texts", "func a() { b(\"\\(c(\"d\\(e())\")) \\\\(f()) g()\"); let h = #\"\\(i()) \\#(j())\"#; let k = \"\"\"\n  \\(l()) \"m()\"\n  \"\"\"; let n = ##\"\\#(o()) \\##(p())\"## }\n", []string{
			"call a b", "call a c", "call a e", "no call a f", "no call a g", "no call a i", "call a j", "call a l", "no call a m", "no call a o", "call a p",
		}},
		{"imports", "import A\nimport B.C\n@testable import D\nimport struct E.F\nimport func G.h\n// import I\n@_exported import J; let import_ = 1\n\"import K\"\n", []string{
			"import A", "import B.C", "import D", "import E.F", "import G.h", "no import I", "import J", "no import K",
		}},
		{"errors handled", "func a() { do { try f() } catch { log(error) } }\nfunc b() { do { try f() } catch { } }\nfunc c() { do { try f() } catch { throw error } }\nfunc d() { do { try f() } catch let e as X { throw e } }\nfunc e() { do { try f() } catch X.y, X.z { throw Z.w(1) } }\nfunc g() { try? f(); let h = try! f() }\nfunc i() throws { try f() }\nfunc j() { do { try f() } catch { return } }\nfunc k() { switch r { case .success: break; case .failure(let e): log(e) } }\nfunc l() { switch r { case .failure: break; default: m() } }\nfunc n() { o { r, error in if let error = error { log(error); return } } }\nfunc p() { guard let q = try? f() else { return } }\nfunc r() { // catch { log() }\n}\n", []string{
			"handler a 1", "no handler b", "no handler c", "no handler d", "handler e 5", "no handler g", "no handler i", "no handler j", "handler k 9", "no handler l", "handler n 11", "no handler p", "no handler r",
		}},
	})
}

func TestSwiftValidates(t *testing.T) {
	claims(t, "a.swift", []claim{
		{"conditions and comparisons", "func f(a: Int, b: Int, c: Int, d: E, e: Int?, g: Bool, h: Any, i: Int, j: Int, k: Int, l: Int, m: Int?) {\n  if a > 1 { } else if b < 2 { } while c > 0 { } switch d { default: break } guard let n = e else { return }\n  let o = g ? 1 : 2; let p = h is Int; for q in r where q > i { }; let s = j == 3; log(k); let t = l + 1; let u = m ?? 1\n}\n", []string{
			"validates f a", "validates f b", "validates f c", "validates f d", "validates f e", "validates f g", "validates f h", "validates f i", "validates f j", "no validates f k", "no validates f l", "no validates f m",
		}},
		{"calls that validate, and others", "func f(a: String, b: String, c: String, d: String, e: String) {\n  try validate(a); b.isValidEmail(); precondition(c.isEmpty); save(d); print(\"checked \\(e)\")\n}\n", []string{
			"validates f a", "validates f b", "validates f c", "no validates f d", "no validates f e",
		}},
		{"what is called alike", "func f(name: Int, value: Int, x: Int) {\n  check(name: 1); if let value = other { }; run { x in x > 1 }; run { (x: Int) -> Bool in x > 1 }; if y.name { }\n  func g(name: Int) { if name > 1 { } }\n}\n", []string{
			"no validates f name", "no validates f value", "no validates f x", "validates g name",
		}},
	})
}

func TestSwiftWeb(t *testing.T) {
	claims(t, "a.swift", []claim{
		{"environment read", "let a = Environment.get(\"A\"), b = ProcessInfo.processInfo.environment[\"B\"], c = getenv(\"C\")\nlet env = ProcessInfo.processInfo.environment\nlet d = env[\"D\"]\n// Environment.get(\"E\")\nlet f = \"getenv(\\\"F\\\")\", g = other[\"G\"], h = cache.get(\"H\"), i = Environment.get(name)\nenv[\"J\"] = \"1\"\n", []string{
			"env A", "env B", "env C", "env D", "no env E", "no env F", "no env G", "no env H", "no env name", "no env J",
		}},
		{"headers of a response set", "func f() {\n  response.headers.add(name: \"X-A\", value: \"1\"); res.headers.replaceOrAdd(name: .contentSecurityPolicy, value: \"self\"); response.headers[.xFrameOptions] = \"DENY\"; response.headers[\"X-B\"] = v\n  request.headers.add(name: \"X-C\", value: \"1\"); let x = response.headers[\"X-D\"]; headers.add(name: \"X-E\", value: \"1\"); urlRequest.setValue(\"1\", forHTTPHeaderField: \"X-F\"); response.headers.remove(name: \"X-G\")\n  // response.headers.add(name: \"X-H\", value: \"1\")\n  if response.headers[\"X-I\"] == \"1\" { }\n}\n", []string{
			"header X-A 1", "header Content-Security-Policy self", "header X-Frame-Options DENY", "header X-B", "no header X-C", "no header X-D", "no header X-E", "no header X-F", "no header X-G", "no header X-H", "no header X-I",
		}},
		{"middleware registered", "import Unused\nlet a = CORSMiddleware(configuration: .default()), b = FileMiddleware(x)\nlet cors = CORSMiddleware(configuration: c)\napp.middleware.use(cors); app.middleware.use(D(), at: .beginning); app.middleware.use(E.default(f: g)) // app.middleware.use(H())\nlet p = app.grouped(I(), J.k()), q = app.grouped(\"api\", \":id\"), r = app.grouped(l), s = app.group(M()) { n in }\nrouter.add(middleware: O<P>(q)); router.middlewares.add(R()); list.add(S()); list.use(T())\nlet u = \"app.middleware.use(V())\"\nstruct W: AsyncMiddleware { }\n", []string{
			"middle cors", "middle CORSMiddleware", "middle D", "middle E.default", "no middle H", "middle I", "middle J.k", "no middle api", "no middle l", "middle M", "middle O", "middle R", "no middle S", "no middle T", "no middle V",
			"no middle W", "no middle FileMiddleware", "no middle Unused",
		}},
		{"tests", "final class A: XCTestCase {\n  func testB() { x() }\n  func testC(d: Int) { x() }\n  private func testE() { x() }\n  static func testF() { x() }\n  func testG() { }\n  func helper() { func testH() { x() } }\n  // func testI() { x() }\n  func testJ() async throws { x() }\n}\nclass K { func testL() { x() } }\nstruct M { @Test func n() { x() } @Test(\"o\", .disabled(\"p\")) func q() { x() } @Test(arguments: [1]) func r(s: Int) { x() } @Tested func t() { x() } }\n@Test func u() { x() }\n", []string{
			"test A.testB", "no test A.testC", "no test A.testE", "no test A.testF", "no test A.testG", "no test A.helper.testH", "no test A.testI", "test A.testJ", "no test K.testL", "test M.n", "no test M.q", "test M.r", "no test M.t", "test u",
		}},
	})
}

func TestSwiftIsRefused(t *testing.T) {
	for text, line := range map[string]int{
		"func a() {":            1,
		"\n}":                   2,
		"a(]":                   1,
		"let a = \"b\n\"":       1,
		"\nlet a = \"\"\"\nb":   2,
		"let a = #\"b\"\n":      1,
		"let a = \"\\(b\"":      1,
		"/* /* */":              1,
		"#if A\nfunc b() { }\n": 1,
		"#endif\n":              1,
		"let `a = 1":            1,
	} {
		_, err := Parse("a.swift", []byte(text))
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%q is taken", text)
		} else if syntax.Line != line {
			t.Errorf("%q: line %d, not %d: %s", text, syntax.Line, line, syntax.Message)
		}
	}
}
