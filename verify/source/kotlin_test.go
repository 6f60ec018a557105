package source

import (
	"errors"
	"testing"
)

func TestKotlin(t *testing.T) {
	claims(t, "a.kt", []claim{
		{"a comment, documentation, a string and a mention are no declaration and no call", "// fun a() {}\n/* fun b() {} /* fun c() {} */ fun d() {} */\n/** `fun e() { f() }` */\nval s = \"fun g() { h() }\"\nval t = \"\"\"\n fun i() { j() } \\\n \"\"\"\nval k = l\nfun m() { /* n() */ o(\"p()\", 'q') // r()\n}\n", []string{
			"no decl a", "no decl b", "no decl c", "no decl d", "no decl e", "no decl g", "no decl i", "no decl k", "no decl l", "decl function m 9 body 9-10", "no call m n", "call m o", "no call m p", "no call m r", "string fun g() { h() }", "no string q",
		}},
		{"signatures over lines, type parameters, expressions over lines, one-liners", "class A<T : Comparable<T>>\n@B constructor(\n  private val c: Map<String, List<T>> = d(), // e\n) : F<T>(c), G\nwhere T : H\n{\n  override suspend fun <K, V : List<in K>>\n    b(\n      d: (Int, String) -> Unit = { _, _ -> },\n      vararg f: Array<out K?>,\n    ): Map<K, V?>?\n    where K : Any\n  {\n    k()\n  }\n  fun l() = m()\n    .n()\n    ?.o { p() }\n    ?: q()\n  fun r() =\n    if (s)\n      t()\n    else\n      u()\n  fun v(); fun w() { x() }\n}\n", []string{
			"decl class A 1 body 6-26", "decl function A.b 8 body 13-15", "params b d,f", "call b k", "decl function A.l 16 body 16-19", "call l m", "call l ?.n", "call l q", "no call l t", "decl function A.r 20 body 21-24", "call r u", "decl function A.v 25", "decl function A.w 25", "no call v x", "call w x",
			"no decl F", "no decl H", "no decl B", "no decl constructor",
		}},
		{"types within types and functions", "class A {\n class B { fun c() {} }\n inner class D { fun e() {} }\n companion object { fun f() {} }\n object G { fun h() {} }\n companion object I { fun j() {} }\n fun k() { class L { fun m() {} }; fun n() { fun o() {} }; val p = object : Q(1), R { override fun s() {} } }\n val t = object : U { override fun v() {} }\n init { fun w() {} }\n}\nsealed class X { data object Y : X(); data class Z(val a: Int) : X() }\ninterface I2 { fun a(); fun b() {}\n fun c() = 1 }\nenum class E(val x: Int) : I2 { F(1), G2(2) { override fun a() {} }, @D H; fun d() {} }\nval i3 = A::class\n", []string{
			"decl class A.B 2", "decl function A.B.c 2", "decl function A.D.e 3", "decl function A.f 4", "decl class A.G 5", "decl function A.G.h 5", "decl class A.I 6", "decl function A.I.j 6", "decl class A.k.L 7", "decl function A.k.L.m 7", "decl function A.k.n.o 7", "decl function A.k.s 7", "decl function A.v 8", "decl class X.Y 11", "decl class X.Z 11",
			"decl interface I2 12", "decl function I2.a 12", "decl function I2.b 12", "decl function I2.c 13", "decl class E 14", "no decl F", "decl function E.G2.a 14", "no decl H", "decl function E.d 14", "no decl Q", "no decl i3",
		}},
		{"extensions, operators, names in backquotes, modifiers that are names elsewhere", "fun a.b.C<D>.e() {}\noperator fun F?.plus(o: F) = o\nfun `g h (i)`() { `j k`() }\nval data = 1; val open = 2\nfun value(inner: Int) { data.l(); open(inner); value = 3 }\nfun (() -> Unit).m() {}\ninfix fun Int.n(o: Int) = o\nval p: String.() -> Unit = fun String.() { q() }\nval r = fun(s: Int): Int { return s }\n", []string{
			"decl function a.b.C.e 1", "decl function F.plus 2", "decl function value 5", "call value data.l", "call value open", "decl function m 6", "decl function Int.n 7", "no decl p", "no decl r", "no decl q",
		}},
		{"annotations", "@file:JvmName(\"A\")\npackage p\n@B(c = [\"fun d() {}\"], e = F::class)\n@get:G\n@[H I(\"x\")]\n// between\nclass J(@field:K val l: Int) {\n @M fun n(@O p: Int) {}\n fun q() { return@r s(); @Suppress(\"t\") val u = 1 }\n @V\n @W(1) private fun x() {}\n}\n", []string{
			"decorator J B", "decorator J G", "decorator J H", "decorator J I", "no decorator J K", "no decorator J JvmName", "decorator n M", "no decorator n O", "no decorator q M", "decorator x V", "decorator x W", "no decl d", "call q s", "no decorator x Suppress",
		}},
		{"names of calls, lambdas", "fun f() {\n a . b(1)\n c(2).d(3)\n e[0].g(4)\n \"x\".h(i)\n super.j(5)\n this.k(6)\n if (l) return (m)\n n<String>(7)\n o.p<Q<R>>(8) { s() }\n t?.u!!.v(9)\n w { x -> y(x) }\n z::aa\n listOf<Int>()\n when (bb) { is C -> cc(); in dd(1) -> ee() }\n ff.gg { hh() }\n val ii = if (a < b) jj() else kk()\n return@f ll()\n}\n", []string{
			"call f a.b", "call f c", "call f ?.d", "call f ?.g", "call f ?.h", "call f super.j", "call f this.k", "no call f if", "no call f return", "call f n", "call f o.p", "call f s", "call f t.u.v", "call f w", "call f y", "no call f aa", "call f listOf",
			"no call f when", "call f cc", "call f dd", "call f ff.gg", "call f hh", "call f jj", "call f kk", "call f ll", "no call f C",
		}},
		{"calls in templates are calls, quotes at the end of a raw string are text", "fun f() {\n val s = \"${a()} b() $c ${\"${d()}\"}\"\n val t = \"\"\"\"e()\"\"\"\"\n g()\n}\n", []string{"call f a", "no call f b", "call f d", "no call f e", "call f g", "string \"e()\""}},
		{"carriage returns, tabs, a byte order mark", "\ufefffun\ta(\r\n\tb: Int\r\n)\r\n{\r\n\tif (b > 1)\r\n\t\tc()\t// d()\r\n}\r\n", []string{"decl function a 1 body 4-7", "call a c", "no call a d", "validates a b"}},
		{"imports", "package a.b\nimport c.d.E\nimport f.*\nimport g.h as i\n// import j.K\nval l = \"import m.N\"\nfun o(import: Int) { import.p() }\n", []string{"import c.d.E", "import f *", "import g.h", "no import j.K", "no import m.N", "no import a.b", "call o import.p"}},
		{"accessors are no functions and no calls", "class A {\n var b: Int = 1\n  get() = c()\n  private set(value) { d(value) }\n val e: String by lazy { f() }\n fun get(i: Int) = 1\n fun set(i: Int) {}\n}\n", []string{"decl function A.get 6", "decl function A.set 7", "no decl e", "no decl b"}},
		{"errors handled", "fun a() { try { f() } catch (e: E) { log(e) } }\nfun b() { try { f() } catch (e: E) { } }\nfun c() { try { f() } catch (e: E) { // ignored\n } }\nfun d() { try { f() } catch (e: E) { throw e } }\nfun g() { try { f() } catch (e: E) { throw X(e) } }\nfun h() { try { f() } finally { i() } }\nfun j() = try { f() } catch (e: E) { null }\nfun k() = runCatching { f() }.getOrElse { log(it); 1 }\nfun l() = runCatching { f() }.getOrNull()\nfun m() = g.catch { }\nfun n() = r.getOrElse { log(it) }\nfun o() {\n try {\n  f()\n }\n catch (e: E)\n {\n  return null\n }\n}\nfun p() { val s = \"catch (e: E) { log(e) }\" }\n", []string{
			"handler a", "no handler b", "no handler c", "no handler d", "handler g", "no handler h", "no handler j", "handler k", "no handler l", "no handler m", "no handler n", "handler o", "no handler p",
		}},
		{"environment", "import io.github.cdimascio.dotenv.dotenv\nconst val KEY = \"A\"\nvar other = \"B\"\nval dotenv = dotenv()\nfun f() { System.getenv(KEY); System.getenv(other); System.getenv()[\"C\"]; System.getenv().get(\"D\"); System.getenv().getOrDefault(\"E\", \"x\"); System.getProperty(\"G\"); map[\"H\"]; dotenv.get(\"I\"); providers.environmentVariable(\"J\"); \"${System.getenv(\"K\")}\" // System.getenv(\"L\")\n}\n", []string{
			"env A", "no env B", "env C", "env D", "env E", "no env G", "no env H", "env I", "env J", "env K", "no env L",
		}},
		{"headers set and not read", "import io.ktor.http.HttpHeaders\nfun f(response: ServerHttpResponse) {\n call.response.headers.append(HttpHeaders.CacheControl, \"no-store\"); call.response.header(\"X-A\", \"1\"); response.headers[\"X-B\"] = \"2\"; call.request.header(\"X-C\"); call.request.headers[\"X-D\"]; client.get(u) { header(\"X-E\", \"1\"); headers { append(\"X-F\", \"1\") } }\n val h = HttpHeaders().apply { add(\"X-G\", \"1\") }; request.headers[\"X-H\"] = \"1\"; // call.response.header(\"X-I\", \"1\")\n}\n", []string{
			"header Cache-Control no-store", "header X-A 1", "header X-B 2", "no header X-C", "no header X-D", "no header X-E", "no header X-F", "no header X-G", "no header X-H", "no header X-I",
		}},
		{"middleware", "import io.ktor.server.application.*\nfun Application.f() { install(A); install(B.C) { d() }; /* install(D) */ uninstall(E); val s = \"install(F)\"; G() }\n", []string{"middle A", "middle B.C", "no middle D", "no middle E", "no middle F", "no middle G"}},
		{"to install is Ktor's word only where Ktor is imported", "fun f() { install(A) }\n", []string{"no middle A"}},
		{"tests", "import org.junit.Test\nclass A { @Test fun b() { c() }\n @Test fun `d e`() = runTest { c() }\n @Test private fun g() { c() }\n @Ignore @Test fun h() { c() }\n fun i() { c() }\n // @Test\n fun j() { c() } }\nabstract class K { @Test fun l() { c() } }\nclass M { class N { @Test fun o() { c() } } }\n", []string{
			"test A.b", "test A.d e", "no test A.g", "test A.h", "no test A.i", "no test A.j", "no test K.l", "no test M.N.o",
		}},
		{"tests of Kotest", "import io.kotest.core.spec.style.*\nclass A : BehaviorSpec({\n given(\"b\") { `when`(\"c\") { then(\"d\") { e() } } }\n})\nclass F : FreeSpec({ \"g\" - { \"h\" { i() }; \"j\" - { \"k\" { l() } } } })\nclass M : WordSpec({ \"n\" should { \"o\" { p() } } })\nclass Q : FunSpec({ test(\"r\").config(enabled = false) { s() }; test(\"t\").config(timeout = 1) { s() }; xcontext(\"u\") { test(\"v\") { s() } }; test(name) { s() }; x.test(\"w\") { s() }; test(\"y\") { } })\n", []string{
			"test A › b › c › d", "test F › g › h", "test F › g › j › k", "test M › n › o", "no test Q › r", "test Q › t", "no test Q › u › v", "no test Q › w", "no test Q › y",
		}},
	})
}

func TestKotlinValidates(t *testing.T) {
	claims(t, "a.kt", []claim{
		{"conditions, comparisons and calls", "fun f(a: Int, b: Int, c: Int, d: Int?, e: Any, g: Int, h: Int, i: Int, j: Int, k: String, l: Int, m: Int) {\n if (a > 0) return\n while (!b.done) {}\n when (c) { 1 -> n() }\n val x = d ?: return\n val y = e is String\n require(g > 1)\n val z = h in 1..2\n when { i > 1 -> o() }\n val w = j == 1\n k.isBlank()\n val v = l ?: 1\n for (q in m) { r() }\n}\n", []string{
			"validates f a", "validates f b", "validates f c", "validates f d", "validates f e", "validates f g", "validates f h", "validates f i", "validates f j", "validates f k", "no validates f l", "no validates f m",
		}},
		{"reading, logging, formatting and passing on do not", "fun f(a: String, b: String, c: String, d: String, e: String, g: String) { log.info(\"check $a\"); val s = \"if ($b) ${b.isBlank()}\"; save(c) // validate(c)\n checkout(d); h(e = 1); x.g; return e }\n", []string{
			"no validates f a", "no validates f c", "no validates f d", "no validates f e", "no validates f g",
		}},
		{"names of lambdas and of functions within are others", "fun f(a: Int, b: Int, c: Int, d: Int) { g { a -> check(a) }; h { (b, x) -> if (b) i() }; fun k(c: Int) { if (c > 1) l() }; val m = fun(d: Int) { require(d) } }\n", []string{"no validates f a", "no validates f b", "no validates f c", "validates f.k c", "no validates f d"}},
		{"declared by annotations of Bean Validation", "import jakarta.validation.constraints.*\nfun f(@NotNull a: String, @field:Size(max = 1) b: String, @Nullable c: String) { g() }\n", []string{"validates f a", "validates f b", "no validates f c"}},
	})
}

// What is not Kotlin is refused, with its line.
func TestKotlinIsRefused(t *testing.T) {
	for text, line := range map[string]int{
		"fun f() {":                     1,
		"fun f( {}":                     1,
		"fun f() { ) }":                 1,
		"val s = \"a\n":                 1,
		"\nval s = \"\"\"\n a":          2,
		"val s = \"${a\"":               1,
		"/* /* */":                      1,
		"fun {}":                        1,
		"class {}":                      1,
		"\n#include <a>\n":              2,
		"val `a\nb` = 1":                1,
		"val s = $$\"\"\"$${a}\"\"\"\n": 1,
	} {
		_, err := Parse("a.kt", []byte(text))
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%q is taken", text)
		} else if syntax.Line != line {
			t.Errorf("%q: line %d, not %d: %s", text, syntax.Line, line, syntax.Message)
		}
	}
}
