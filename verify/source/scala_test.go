package source

import (
	"errors"
	"testing"
)

func TestScala(t *testing.T) {
	claims(t, "a.scala", []claim{
		{"a comment, documentation, a string and a mention are no declaration and no call", "// def a() = 1\n/* def b() = 1 /* def c() = 1 */ def d() = 1 */\n/** {{{ def e() = f() }}} */\nobject A {\n val s = \"def g() = h()\"\n val t = \"\"\"\n def i() = j() \\\n \"\"\"\n val k = l\n def m() = { /* n() */ o(\"p()\", 'q', '\"') // r()\n }\n}\n", []string{
			"no decl a", "no decl b", "no decl c", "no decl d", "no decl e", "no decl g", "no decl i", "no decl k", "no decl l", "decl function A.m 10 body 10-11", "no call m n", "call m o", "no call m p", "no call m r", "string def g() = h()", "no string q",
		}},
		{"signatures over lines, the brace on a line of its own, bodies without braces", "class A[T <: B](\n  private val c: Map[String, List[T]] = d(), // e\n) extends F[T](c)\n  with G\n{\n  override def b[K, V >: K](\n      h: (Int, String) => Unit,\n      i: => K*,\n    )(implicit j: Ctx): Map[K, V] =\n  {\n    k()\n  }\n  def l = m()\n    .n()\n  def o: Int\n  def p(x: Int) =\n    if (x > 1)\n      q()\n    else\n      r()\n  def s(x: Int) { t() }\n  def u = v; def w = y(\n    z)\n}\n", []string{
			"decl class A 1 body 5-24", "decl function A.b 6 body 10-12", "params b h,i,j", "call b k", "decl function A.l 13 body 13-14", "call l ?.n", "decl function A.o 15", "decl function A.p 16 body 17-20", "call p q", "call p r", "no call p t", "validates p x", "decl function A.s 21 body 21-21", "decl function A.u 22", "decl function A.w 22", "no call u y", "call w y",
			"no decl F", "no decl G", "no decl Ctx",
		}},
		{"types within types and functions, names of marks", "object A {\n class B { def c() = 1 }\n trait D { def e: Int; type F <: G }\n case object H\n def i() = { class J { def k() = 1 }; def l() = { def m() = 1; m() }; new N { def o() = p() } }\n type Q = R\n def ::(x: Int) = x\n def unary_! = 1\n def s_=(x: Int) = 1\n def `t u`(x: Int) = 1\n def this(x: Int) = this()\n}\nclass +[T]\npackage object v { def w = 1 }\n", []string{
			"decl class A.B 2", "decl function A.B.c 2", "decl interface A.D 3", "decl function A.D.e 3", "decl type A.D.F 3", "decl class A.H 4", "decl class A.i.J 5", "decl function A.i.J.k 5", "decl function A.i.l 5", "decl function A.i.l.m 5", "decl function A.i.o 5", "decl type A.Q 6", "decl function A.s_= 9", "decl function A.this 11", "decl function v.w 14", "no decl N",
		}},
		{"annotations", "@B(c = \"def d() = 1\")\n@e.f[G]\n// between\nfinal class H @Inject() (@I j: Int) {\n @K def l(@M n: Int) = { (n: @unchecked) match { case 1 => o() } }\n def p = 1\n}\n", []string{
			"decorator H B", "decorator H e.f", "no decorator H I", "decorator l K", "no decorator l M", "no decorator p K", "no decorator p unchecked", "no decl d", "call l o", "params l n",
		}},
		{"names of calls; patterns are none", "object A { def f() = {\n a . b(1)\n c(2).d(3)\n e[G](4)\n new H[I](5)\n if (j) k() else l()\n m match { case N(o) => p(); case q: R => s { t() }; case u @ V(w, X(y)) if z(u) => aa() }\n bb.foreach { cc => dd(cc) }\n for (Ee(ff) <- gg(); hh = ii()) yield jj()\n val Kk(ll) = mm()\n nn foo (oo)\n super.pp()\n} }\n", []string{
			"call f a.b", "call f c", "call f ?.d", "call f e", "call f H", "no call f if", "call f k", "call f l", "no call f N", "call f p", "call f s", "call f t", "no call f V", "no call f X", "call f z", "call f aa", "call f bb.foreach", "call f dd", "no call f Ee", "call f gg", "call f ii", "call f jj", "no call f Kk", "call f mm", "call f super.pp",
		}},
		{"calls in filled texts and in XML are calls", "object A { def f() = {\n val s = s\"${a()} b() $c $$ ${g(\"${d()}\")}\"\n val t = raw\"\"\"${e()} \"\"\"\"\n val x = <a b={ h() } c=\"i()\"> j() don't { k(\"l\") } <!-- m() --> <n/></a>\n o()\n} }\n", []string{"call f a", "no call f b", "call f g", "no call f d", "call f e", "call f h", "no call f i", "no call f j", "call f k", "no call f m", "call f o"}},
		{"blocks by indentation", "class A(val b: Int) extends C:\n\n  def d(e: Int): Int =\n    val f = e\n    if f > 1 then\n      g()\n    else\n      h()\n\n  def i = j()\n\n  object K:\n    def l() =\n      m()\nend A\n\ndef n() =\n  o()\n\nenum P:\n  case Q, R\n  case S(t: Int)\n  def u = 1\n", []string{
			"decl class A 1", "decl function A.d 3 body 4-8", "call d h", "no call d j", "decl function A.i 10", "decl class A.K 12", "decl function A.K.l 13", "decl function n 17 body 18-18", "decl class P 20", "decl function P.u 23", "no decl S", "no decl Q",
		}},
		{"carriage returns, tabs, a byte order mark", "\ufeffclass A {\r\n\tdef b(c: Int) = {\r\n\t\tif (c > 1)\r\n\t\t\td()\t// e()\r\n\t}\r\n}\r\n", []string{"decl function A.b 2 body 2-5", "call b d", "no call b e", "validates b c"}},
		{"imports", "package a.b\nimport c.d.E\nimport f._\nimport g.{h, i => j, _}, k.L\nimport m.*\n// import n.O\nobject P { val q = \"import r.S\"; import t.U }\n", []string{"import c.d.E", "import f _", "import g h,i,_", "import k.L", "import m *", "no import n.O", "no import r.S", "no import a.b", "import t.U"}},
		{"errors handled", "object A {\ndef a() = try f() catch { case e: E => log(e) }\ndef b() = try f() catch { case e: E => }\ndef c() = try f() catch { case e: E => throw e }\ndef d() = try f() catch { case _: E => () }\ndef g() = try f() catch { case NonFatal(e) => throw new X(e) }\ndef h() = try f() finally i()\ndef j() = f().recover { case e => log(e) }\ndef k() = f() match { case Failure(e) => log(e); case Success(v) => v }\ndef l() = f() match { case Success(v) => log(v) }\ndef m() = g.map { case e => log(e) }\n// try f() catch { case e => log(e) }\ndef n() = \"catch { case e => log(e) }\"\n}\n", []string{
			"handler a", "no handler b", "no handler c", "no handler d", "handler g", "no handler h", "handler j", "handler k", "no handler l", "no handler m", "no handler n",
		}},
		{"environment", "import scala.util.Properties\nobject A { val Key = \"A\"; def f() = { sys.env(Key); sys.env.get(\"B\"); sys.env.getOrElse(\"C\", \"x\"); System.getenv(\"D\"); Properties.envOrElse(\"E\", \"x\"); sys.props(\"G\"); env(\"H\"); map.get(\"I\") } }\n", []string{
			"env A", "env B", "env C", "env D", "env E", "no env G", "no env H", "no env I",
		}},
		{"headers set and not read", "import akka.http.scaladsl.server.Directives._\nobject A { def f() = { respondWithHeaders(RawHeader(\"X-A\", \"1\"), RawHeader(name, \"2\")) { g() }; val h = RawHeader(\"X-B\", \"1\"); Ok(i).withHeaders(\"X-C\" -> \"3\"); FakeRequest().withHeaders(\"X-D\" -> \"4\"); request.headers.get(\"X-E\"); response.setHeader(\"X-F\", v); ws.url(u).withHttpHeaders(\"X-G\" -> \"1\") } }\n", []string{
			"header X-A 1", "no header X-B", "header X-C 3", "no header X-D", "no header X-E", "header X-F", "no header X-G", "middle respondWithHeaders",
		}},
		{"middleware", "import org.http4s.server.middleware._\nimport play.api.http.DefaultHttpFilters\nobject A { val app = GZip(Logger.httpApp(true, true)(routes)); val n = CSRF }\nclass F(cors: CorsFilter) extends DefaultHttpFilters(cors)\n", []string{"middle GZip", "middle Logger", "no middle CSRF", "middle cors", "middle CorsFilter"}},
		{"words of libraries that are not imported", "object A { val app = GZip(routes); authorize(x) { y }; val e = env(\"A\") }\nclass B extends AnyFunSuite { test(\"c\") { d() } }\n", []string{"no middle GZip", "no middle authorize", "no env A", "no test B › c"}},
		{"tests", "import org.scalatest.freespec.AnyFreeSpec\nclass A extends AnyFreeSpec { \"b\" - { \"c\" in { d() }; \"e\" ignore { d() } } }\nclass F extends AnyFunSpec { describe(\"g\") { it(\"h\") { d() }; ignore(\"i\") { d() } }; test(\"j\", Slow) { d() }; test(name) { d() }; test(\"k\") { } }\nabstract class L extends AnyFunSuite { test(\"m\") { d() } }\nclass N extends AnyFlatSpec { behavior of \"o\"; it should \"p\" taggedAs (Slow) in { d() } }\n", []string{
			"test A › b › c", "no test A › b › e", "test F › g › h", "no test F › g › i", "test F › j", "no test F › k", "no test L › m", "test N › o should p",
		}},
	})
}

func TestScalaValidates(t *testing.T) {
	claims(t, "a.scala", []claim{
		{"conditions, comparisons and calls", "object A { def f(a: Int, b: Int, c: Int, d: Int, e: Int, g: String, h: Int) = {\n if (a > 0) i()\n while (!b.done) {}\n c match { case 1 => j() }\n require(d > 1)\n val x = e == 1\n g.isEmpty()\n k match { case y if h => l() }\n} }\n", []string{
			"validates f a", "validates f b", "validates f c", "validates f d", "validates f e", "validates f g", "validates f h",
		}},
		{"reading, logging, formatting and passing on do not", "object A { def f(a: String, b: String, c: String, d: String, e: String) = { log.info(s\"check $a\"); val s = \"if (b)\" + b; save(c) // validate(c)\n checkout(d); g(e = 1); e } }\n", []string{
			"no validates f a", "no validates f b", "no validates f c", "no validates f d", "no validates f e",
		}},
		{"names of function literals and of functions within are others", "object A { def f(a: Int, b: Int, c: Int) = { g(a => check(a)); h { b => if (b > 1) i() }; def j(c: Int) = { if (c > 1) k() } } }\n", []string{"no validates f a", "no validates f b", "no validates f c", "validates f.j c"}},
	})
}

// What is not Scala is refused, with its line.
func TestScalaIsRefused(t *testing.T) {
	for text, line := range map[string]int{
		"object A {":            1,
		"def f( = 1":            1,
		"object A { ) }":        1,
		"val s = \"a\n":         1,
		"\nval s = \"\"\"\n a":  2,
		"val s = s\"${a\"":      1,
		"/* /* */":              1,
		"def (x: Int) = 1":      1,
		"val x = <a>\n <b></a>": 1,
		"val `a\nb` = 1":        1,
		"val c = '\n":           1,
	} {
		_, err := Parse("a.scala", []byte(text))
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%q is taken", text)
		} else if syntax.Line != line {
			t.Errorf("%q: line %d, not %d: %s", text, syntax.Line, line, syntax.Message)
		}
	}
}
