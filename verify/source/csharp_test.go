package source

import (
	"errors"
	"strings"
	"testing"
)

func TestCSharp(t *testing.T) {
	claims(t, "a.cs", []claim{
		{"comments, texts and mentions declare and call nothing", "class A {\n  // void a() { b(); }\n  /// <c>void c() {}</c>\n  /* void d() { } */\n  string s = \"void e() { f(); }\", t = @\"void g() \"\"{ h(); }\"\n, u = \"\"\"void i() { j(); }\"\"\"; char c = '{';\n  void k() { var x = m; nameof(n); typeof(o); l(\"p()\"); }\n}\n", []string{
			"no decl a", "no decl c", "no decl d", "no decl e", "no decl g", "no decl i", "decl function A.k 7", "call k l", "no call k m", "no call k nameof", "no call k typeof", "no call k p",
			"string void g() \"{ h(); }", "string void i() { j(); }",
		}},
		{"signatures over lines, braces on their own, one-liners, constraints, arrays, tuples, pointers", "namespace N\n{\n    static class A<T>\n        where T : class, new()\n    {\n        public static async\n            Task<Dictionary<string, List<int>>>\n            B<U, V>(\n                this U u, // , x\n                [In] ref int? a,\n                params (int, string)[] rest)\n            where U : IEnumerable<V>\n            where V : struct\n        {\n            c();\n        }\n        static unsafe int* D(int** p, delegate*<int, void> f) => g(*p);\n        (int A, int B) E((int, int) t = default, string s = \"a,b\") { return h(t); }\n        int[,] F(int[][] a, global::N.M.O o) { return i(); }\n        N.M.O? G() { j(); return null; }\n    }\n}\n", []string{
			"decl class A 3 body 5-21", "decl function A.B 8 body 14-16", "params B u,a,rest", "call B c", "decl function A.D 17 body 17-17", "params D p,f", "call D g", "decl function A.E 18",
			"params E t,s", "decl function A.F 19", "params F a,o", "call G j", "no decl c", "no decl j",
		}},
		{"what looks like a method and is none", "class A {\n  int p { get { return q(); } set => r(value); }\n  event H e { add { s(); } remove { } }\n  event H f = g(1);\n  int this[int i] => t(i);\n  Func<int, int> u = (int x) => { return v(x); };\n  B w = new B(1) { C = 2 };\n  static implicit operator int(A a) => b(a);\n  int i = new D();\n  A() : base(x(1)) { y(); }\n  ~A() { z(); }\n  public static A operator +(A a, A b) { return a; }\n  public static bool operator true(A a) => false;\n  public static A operator >>>(A a, int n) { o(); return a; }\n}\n", []string{
			"no decl p", "no decl get", "no decl e", "no decl add", "no decl this", "no decl u", "no decl w", "no decl B", "no decl int", "no decl D", "no decl q", "no decl v", "no decl base",
			"decl function A.A 10", "call A.A y", "no call A.A x", "decl function A.~A 11", "decl function A.operator+ 12", "decl function A.operatortrue 13", "decl function A.operator>>> 14", "call A.operator>>> o",
		}},
		{"bodies that are missing, empty, or an expression", "interface I { void a(); void b() { c(); } int d { get; } static abstract I operator -(I i); }\nabstract class A {\n  protected abstract void e(int x);\n  [DllImport(\"k\")] static extern int f();\n  partial void g();\n  void h() { }\n  void i() { /* j(); */ }\n  string k() => l\n    .m();\n}\n", []string{
			"decl interface I 1", "decl function I.a 1", "decl function I.b 1", "call b c", "decl function A.e 3", "decl function A.f 4", "decorator f DllImport", "decl function A.h 6", "no call i j", "call k l.m",
			"decl function A.k 8 body 8-9", "no decl d",
		}},
		{"nested types, records, enums, delegates, extension blocks", "class A { struct B { enum C { D = 1, E } record F(int G); class H<T> : I(1) where T : J { void k() {} } } }\nreadonly record struct L { void m() {} }\ndelegate void O<T>(T t);\nstatic class P { extension<T>(IEnumerable<T> s) where T : U { public int q() => r(s); int v => 1; } }\nfile sealed class W;\nref struct X { }\nrequired record;\n", []string{
			"decl class A.B 1", "decl class A.B.C 1", "no decl D", "decl class A.B.F 1", "params F G", "decl class A.B.H 1", "decl function A.B.H.k 1", "decl class L 2", "decl function L.m 2", "decl type O 3",
			"params O t", "decl function P.q 4", "call q r", "no decl extension", "decl class W 5", "decl class X 6", "no decl v",
		}},
		{"namespaces, file-scoped ones, and programs without a class", "using A;\nnamespace B.C;\nclass D { void e() { } }\n", []string{"decl function D.e 3", "import A", "no import B.C"}},
		{"programs without a class", "using System;\nawait f(1);\nif (a) { g(); }\nforeach (var x in y) h(x);\nint i(int z) { return j(z); }\nasync Task k() => await l();\nreturn m();\nrecord N(int o) { void p() {} }\n", []string{
			"no decl f", "no decl g", "no decl h", "decl function i 5", "call i j", "decl function k 6", "call k l", "no decl m", "decl class N 8", "decl function N.p 8",
		}},
		{"local functions", "class A {\n  void b() {\n    c(); int d(int x) => e(x); static async Task<T> f<T>(T t) where T : G { h(); }\n    if (a) { [I] void j() { void k() { } } }\n    return l(m); else n(o) {}\n    new P(q) { R = 1 }.s();\n    var t = u switch { V(var w, var x) => y(), not Z(var o, var p) => aa(), _ => bb() };\n    goto cc; cc: dd();\n    lock (ee) { } fixed (int* ff = gg) { } using (hh) { } using var ii = jj();\n    await kk(); yield return ll(); throw new mm(nn);\n    (int oo, int pp) qq() => (1, 2);\n  }\n}\n", []string{
			"no decl c", "decl function A.b.d 3", "call d e", "decl function A.b.f 3", "params f t", "call f h", "decl function A.b.j 4", "decorator j I", "decl function A.b.j.k 4", "no decl l", "no decl n", "no decl P",
			"no decl V", "no decl Z", "no decl Point", "no decl lock", "no decl kk", "no decl ll", "no decl mm", "decl function A.b.qq 11", "call b y", "call b aa", "no call b V", "no call b Z", "call b P",
			"call b ?.s", "call b dd", "call b jj", "call b mm", "call b c",
		}},
		{"attributes", "[assembly: A(\"x\")]\n[module: B]\n[C, D.E(1, // ]\n  F = \"]\"), G<H>]\n[type: I]\nclass J {\n  [K] [return: L] [method: M]\n  int n([O(1)] int p, [Q] string r) { return s(); }\n  [T(typeof(U), V = W.X)] int y { [Z] get; set; }\n  int aa() { return 1; }\n}\n", []string{
			"decorator J C", "decorator J D.E", "decorator J G", "decorator J I", "no decorator J A", "no decorator J B", "decorator J.n K", "decorator J.n M", "no decorator J.n L", "no decorator J.n O",
			"no call J.n O", "call J.n s", "no decorator aa T", "params J.n p,r",
		}},
		{"preprocessor", "#define X // void a() {}\n#region b() { it's \"\n#if X\nclass C {\n#elif Y\nclass D : E {\n#else\n#error no\nclass F {\n#endif\n  void g() { }\n#if false\n  void h() { it's\n#else\n  void i() { }\n#endif\n#if Z\n  void j() { }\n#else\n  void k() { } }\n#endif\n#if !DEBUG\n  void l() { }\n#else\n  void m() { '\n#endif\n#pragma warning disable\n  void n() { /* #if */ }\n}\n#endregion\n", []string{
			"decl class C 4", "no decl D", "no decl F", "decl function C.g 11", "no decl h", "decl function C.i 15", "decl function C.j 18", "no decl k", "decl function C.l 23", "no decl m", "decl function C.n 28", "no decl a", "no decl b",
		}},
		{"branches that each close what they open are both read", "class A {\n#if B\n  void c() { }\n#elif D\n  void e() { }\n#if F\n  void g() { }\n#else\n  void h() { }\n#endif\n#else\n  void i() { }\n#endif\n}\n", []string{
			"decl function A.c 3", "decl function A.e 5", "decl function A.g 7", "decl function A.h 9", "decl function A.i 12",
		}},
		{"a byte order mark, carriage returns and tabs", "\ufeffusing A;\r\nclass B\r\n{\r\n\tvoid c(\r\n\t\tint d)\r\n\t{\r\n\t\te(); // f()\r\n\t}\r\n}\r\n", []string{"decl function B.c 4 body 6-8", "params c d", "call c e", "no call c f", "import A"}},
		{"texts", "class A { void b() {\n  var s = $\"{c(1)} {{d()}} {e(\"f\"):N2} {(g ? h() : i),5}\" + $@\"\\{j()}\"\"{k($\"{l()}\")}\" + @$\"{m()}\";\n  var r = $$\"\"\"\"\n    a \"\"\" {n()} {{o()}}\n    \"\"\"\";\n  var q = \"\"\"\n    p\n    \"\"\"; var u = \"\\u0041\"u8; char v = '\\''; var w = \"\";\n} }\n", []string{
			"call b c", "no call b d", "call b e", "call b h", "call b j", "call b k", "call b l", "call b m", "no call b n", "call b o", "string f", "string A", "string p",
		}},
		{"calls", "class A { void b() {\n  c.d(1); this.e(); base.f(); g?.h(); i!.j(); k[0].l(); m().n(); o<int>(1); p.q<List<r>, s[]>(t); new u(); new v<w>(); new x { }; (y)(z);\n  if (aa < bb && cc > (dd)) { } var ee = (ff)gg(); await hh(); X::ii(); jj->kk(); int.Parse(ll); var (mm, nn) = oo(); string.IsNullOrEmpty(pp);\n  _ = qq is rr(1) && ss(); case: tt(); uu(vv: ww(), out var xx);\n} }\n", []string{
			"call b c.d", "call b this.e", "call b base.f", "call b g.h", "call b i.j", "call b ?.l", "call b m", "call b ?.n", "call b o", "call b p.q", "call b u", "call b v", "call b x", "no call b y",
			"no call b if", "no call b bb", "no call b cc", "call b gg", "call b hh", "call b X.ii", "call b jj.kk", "call b int.Parse", "no call b var", "call b oo", "no call b rr", "call b ss", "call b uu", "call b ww",
		}},
		{"imports", "global using static A.B;\nusing C = D.E<int>;\nusing F;\nextern alias G;\n// using H;\nclass I { void j() { using (var k = l()) { } using var m = n; string s = \"using O;\"; } }\n", []string{
			"import A.B *", "import D.E", "import F", "no import G", "no import H", "no import O", "no import k", "no import m",
		}},
		{"errors handled", "class A {\n  void a() { try { f(); } catch (E e) { log(e); } }\n  void b() { try { f(); } catch { } }\n  void c() { try { f(); } catch (E) { throw; } }\n  void d() { try { f(); } catch (E e) { throw e; } }\n  void e() { try { f(); } catch (E e) { throw new X(e); } }\n  void g() { try { f(); } finally { h(); } }\n  void i() { try { f(); } catch (E e) when (e.F) { return; } }\n  int j() { try { return f(); } catch { return -1; } }\n  void k() { try { } catch (E) { /* log() */ ; } }\n  void l() { catch_(1); // catch (E e) { log(e); }\n  }\n}\n", []string{
			"handler A.a 2", "no handler A.b", "no handler A.c", "no handler A.d", "handler A.e 6", "no handler A.g", "no handler A.i", "handler A.j 9", "no handler A.k", "no handler A.l",
		}},
	})
}

func TestCSharpValidates(t *testing.T) {
	claims(t, "a.cs", []claim{
		{"conditions and comparisons", "class A { int f(int a, int b, int c, int d, int e, int g, int h, int i, int j, int k, int l, int m, int n) {\n  if (a > 1) return 1; while (b < 2) { } for (int q = 0; q < c; q++) { } switch (d) { case 1: break; }\n  var r = e switch { 1 => 2, _ => 3 }; var s = g ? 1 : 2; var t = h ?? throw new X(); var u = i is int; var v = r switch { _ when j => 1, _ => 2 };\n  var w = k + 1; log(l); var x = m == 3; return n;\n} }\n", []string{
			"validates f a", "validates f b", "validates f c", "validates f d", "validates f e", "validates f g", "validates f h", "validates f i", "validates f j", "no validates f k", "no validates f l", "validates f m", "no validates f n",
		}},
		{"calls that validate", "class A { void f(string a, string b, string c, string d, string e, string g, string h) {\n  ArgumentNullException.ThrowIfNull(a); Guard.Against.Null(b, nameof(b)); var ok = string.IsNullOrEmpty(c); int.TryParse(d, out var n); validator.ValidateAndThrow(e);\n  var s = $\"{g}\"; Save(h, x: 1);\n} }\n", []string{
			"validates f a", "validates f b", "validates f c", "validates f d", "validates f e", "no validates f g", "no validates f h",
		}},
		{"what is called alike", "class A { void f(string name, int value, int x, T t) {\n  Check(name: 1); var y = new O { value = 2 }; o.x = 3; Run(x => x > 1); if (o.name == null) { } if (nameof(t) == p) { } int? z = t; T? w = (T?)t;\n  void g(string name) { Validate(name); }\n} }\n", []string{
			"no validates f name", "no validates f value", "no validates f x", "no validates f t", "validates g name",
		}},
		{"attributes validate by themselves behind [ApiController] alone", "[ApiController] class A { void f([Required] string a, [FromQuery, Range(1, 2)] int b, [FromBody] C c) { g(a, b, c); } }\nclass D { void h([Required] string a) { g(a); } }\n", []string{
			"validates A.f a", "validates A.f b", "no validates A.f c", "no validates D.h a",
		}},
	})
}

func TestCSharpWeb(t *testing.T) {
	claims(t, "a.cs", []claim{
		{"middleware registered", "using X.Unused;\napp.UseCors(); // app.UseA();\nvar s = \"app.UseB()\"; app.UseRouting().UseC<D>(1).UseE();\napp.UseMiddleware<F.G>(); app.UseMiddleware(typeof(H)); app.Use(I.Invoke); app.Use(async (c, n) => { await n(); });\nservices.AddSession(); host.UseSerilog(); builder.WebHost.UseKestrel(); options.UseSqlServer(c); app.Services.UseJ(); app.UseWhen(k, b => b.UseL());\nbuilder.Services.AddControllers(o => { o.Filters.Add<M>(); o.Filters.Add(new N(1)); o.Filters.Add(typeof(O)); o.Conventions.Add(new P()); });\nquery.Filters.Add(new Q()); group.AddEndpointFilter<R>(); x.AddEndpointFilter(async (c, n) => await n(c));\nstatic void S(IApplicationBuilder web) { web.UseT(); }\nclass RequestU { }\n", []string{
			"middle UseCors", "no middle UseA", "no middle UseB", "middle UseRouting", "middle UseC", "middle UseE", "middle F.G", "middle H", "middle I.Invoke", "no middle AddSession", "no middle UseSerilog",
			"no middle UseKestrel", "no middle UseSqlServer", "no middle UseJ", "no middle UseL", "middle M", "middle N", "middle O", "no middle P", "no middle Q", "middle R", "middle UseT", "no middle RequestU", "no middle Unused",
		}},
		{"headers of a response set", "class A { const string N = \"X-N\"; void f() {\n  Response.Headers[\"X-A\"] = \"1\"; ctx.Response.Headers.Append(\"X-B\", v); resp.Headers.TryAdd(N, \"3\"); Response.AddHeader(\"X-C\", \"4\");\n  Response.Headers.ContentSecurityPolicy = \"self\"; Response.Headers[HeaderNames.XXSSProtection] = \"0\"; var h = context.Response.Headers; h[\"X-D\"] = \"5\"; h.Add(\"X-E\", \"6\");\n  request.Headers[\"X-F\"] = \"7\"; client.DefaultRequestHeaders.Add(\"X-G\", \"8\"); var y = Response.Headers[\"X-H\"]; Response.Headers.Remove(\"X-I\"); if (Response.Headers[\"X-J\"] == \"1\") { }\n  // Response.Headers[\"X-K\"] = \"1\";\n  cache[\"X-L\"] = \"1\"; Headers[\"X-M\"] = \"1\"; Response.Headers.ETag = tag; Response.Headers.Mine = \"1\"; message.Headers.Add(\"X-O\", \"1\");\n} }\n", []string{
			"header X-A 1", "header X-B", "header X-N 3", "header X-C 4", "header Content-Security-Policy self", "header X-XSS-Protection 0", "header X-D 5", "header X-E 6", "no header X-F", "no header X-G",
			"no header X-H", "no header X-I", "no header X-J", "no header X-K", "no header X-L", "no header X-M", "header ETag", "no header Mine", "no header X-O",
		}},
		{"environment read", "using static System.Environment;\nclass A { const string K = \"B\"; string c = Environment.GetEnvironmentVariable(K), d = System.Environment.GetEnvironmentVariable(\"E\"), f = GetEnvironmentVariable(\"F\");\n  // Environment.GetEnvironmentVariable(\"G\")\n  void h() { Environment.SetEnvironmentVariable(\"I\", \"1\"); var j = configuration[\"J\"]; fake.GetEnvironmentVariable(\"L\"); Environment.GetEnvironmentVariable(name); } }\n", []string{
			"env B", "env E", "env F", "no env G", "no env I", "no env J", "no env L", "no env name",
		}},
		{"tests", "public class A {\n  [Fact] public void b() { c(); }\n  [Theory, InlineData(1)] public void d(int x) { c(); }\n  [Xunit.FactAttribute(DisplayName = \"x\")] public async Task e() => await c();\n  [Test] public void f() { c(); }\n  [TestMethod, Priority(1)] public void g() { c(); }\n  public void h() { c(); }\n  // [Fact] public void i() { c(); }\n  [Fact] public void j() { }\n  [Factory] public void k() { c(); }\n  class L { [TestCase(1)] public void m(int x) { c(); } }\n}\npublic abstract class N { [Fact] public void o() { c(); } }\n", []string{
			"test A.b", "test A.d", "test A.e", "test A.f", "test A.g", "no test A.h", "no test A.i", "no test A.j", "no test A.k", "test A.L.m", "no test N.o",
		}},
	})
}

func TestCSharpIsRefused(t *testing.T) {
	for text, line := range map[string]int{
		"class A {":                        1,
		"class A { } }":                    1,
		"\nclass A { void f( { } }":        2,
		"var s = \"a\n\";":                 1,
		"\nvar s = @\"a\n":                 2,
		"var s = \"\"\"a\n\"\";":           1,
		"var s = $\"{a\";":                 1,
		"var c = '':":                      1,
		"/* a\n":                           1,
		"#if A\nclass B { }\n":             1,
		"#endif\n":                         1,
		"\n#else\n":                        2,
		"#if A\n{\n#else\n":                1,
		"$x":                               1,
		strings.Repeat("#if A\n", 300):     201,
		"class A {\n#if B\n}\n#endif\n} }": 5,
	} {
		_, err := Parse("a.cs", []byte(text))
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%.40q is taken", text)
		} else if syntax.Line != line {
			t.Errorf("%.40q: line %d, not %d: %s", text, syntax.Line, line, syntax.Message)
		}
	}
}

func TestCSharpRawTexts(t *testing.T) {
	for text, want := range map[string]string{
		"a": "a", "\n  a\n    b\n  ": "a\n  b", "\r\n\ta\r\n\t": "a", "\n\n": "", "\n": "", "a\n": "a\n", "\na\n  b": "\na\n  b",
	} {
		if got := csRaw(text); got != want {
			t.Errorf("%q: %q, not %q", text, got, want)
		}
	}
}
