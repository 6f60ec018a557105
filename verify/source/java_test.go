package source

import (
	"errors"
	"testing"
)

func TestJava(t *testing.T) {
	claims(t, "A.java", []claim{
		{"a comment, documentation, a string, a text block and a mention are no declaration and no call", "class A {\n// void b() {}\n/* void c() {} */\n/** {@code void d() { e(); }} */\nString s = \"void f() { g(); }\";\nString t = \"\"\"\n  void h() { i(); }\n  \\\"\"\" void j() {}\n  \"\"\";\nObject k = l;\nvoid m() { /* n(); */ o(\"p()\", 'q'); // r()\n}\n}", []string{
			"no decl b", "no decl c", "no decl d", "no decl f", "no decl h", "no decl j", "no decl k", "no decl l", "decl function A.m 11 body 11-12", "no call m n", "call m o", "no call m p", "no call m r",
			"string void f() { g(); }", "no string q",
		}},
		{"signatures over lines, generics, the brace on a line of its own, one-liners, arrays", "class A<T extends Comparable<? super T> & B> extends C<Map<String, List<T>>> implements D<T>\n{\n  public static <K, V extends List<? super K>>\n  Map<K, V[]>\n  b\n  (\n    final @C(x = \")\") Map<K, List<V>> d, // e\n    int f[],\n    String... g\n  )\n  throws H, I<J>\n  {\n    k();\n  }\n  int l()[] { return m(); } void n() {} ; abstract void o();\n  A() { super(1); } <T> A(T p) { this(); }\n}", []string{
			"decl class A 1", "decl function A.b 5 body 12-14", "params b d,f,g", "call b k", "decl function A.l 15", "call l m", "decl function A.n 15", "decl function A.o 15", "decl function A.A 16", "params A.A p",
			"no decl C", "no decl H", "no decl super", "no decl this",
		}},
		{"types within types, in methods and without a name", "class A {\n class B { void c() {} static class D { void e() {} } }\n interface F { void g(); default void h() { i(); } }\n enum J implements F { K { void g() { l(); } }, M(1), N(o()) {}; J() {} void p() {} }\n void q() {\n  class R { void s() {} }\n  new T<U>(v) { void w() { x(); } };\n  record Y(int z) { Y { if (z < 0) throw new E(); } }\n }\n Runnable r = new Runnable() { public void run() { y(); } };\n { new Z() { void a1() {} }; }\n static { b1(); }\n}", []string{
			"decl class A.B 2", "decl function A.B.c 2", "decl class A.B.D 2", "decl function A.B.D.e 2", "decl interface A.F 3", "decl function A.F.g 3", "decl function A.F.h 3", "decl class A.J 4", "decl function A.J.K.g 4", "no decl M", "no decl N",
			"decl function A.J.J 4", "decl function A.J.p 4", "decl class A.q.R 6", "decl function A.q.R.s 6", "decl function A.q.w 7", "no decl T", "call A.q T", "decl class A.q.Y 8", "decl function A.q.Y.Y 8", "validates A.q.Y.Y z",
			"decl function A.r.run 10", "decl function A.a1 11", "no decl b1",
		}},
		{"annotations with arguments over lines, annotation types", "@B(\n  value = {\"class X {}\", C.class},\n  d = @D(e = f)\n)\n@g.h.I class A {\n @J\n // between\n @K(\"l()\")\n void m(@N int a) {}\n void o() {}\n @interface P { String[] value() default {}; int q() default R.s(); }\n}\n", []string{
			"decorator A B", "decorator A g.h.I", "no decorator A D", "decorator m J", "decorator m K", "no decorator m N", "no decorator o J", "no decl X", "no decl B", "decl interface A.P 11", "decl function A.P.value 11", "decl function A.P.q 11",
		}},
		{"carriage returns, tabs, a byte order mark", "\ufeffclass\tA\r\n{\r\n\tvoid\tb ( int c )\r\n\t{\r\n\t\tif (c > 1)\r\n\t\t\td();\t// e()\r\n\t}\r\n}\r\n", []string{"decl function A.b 3 body 4-7", "call b d", "no call b e", "validates b c"}},
		{"names of calls", "class A { void f() {\n a . b(1);\n c(2).d(3);\n e[0].g(4);\n \"x\".h(i);\n super.j(5);\n this.k(6);\n if (l) return (m);\n List.<String>n(7);\n new o.P<Q>(8) ;\n this.<R>s();\n t::u;\n switch (v) { case W -> x(9); }\n (y).z();\n} }", []string{
			"call f a.b", "call f c", "call f ?.d", "call f ?.g", "call f ?.h", "call f super.j", "call f this.k", "no call f if", "no call f return", "no call f l", "call f List.n", "call f o.P", "call f this.s", "no call f u", "no call f switch", "call f x", "call f ?.z",
		}},
		{"lambdas are no declarations", "class A { Function<B, C> d = e -> f(e); Runnable g = () -> { h(); };\n void i() { j(k -> l(), (m, n) -> { o(); }); } }", []string{"no decl d", "no decl g", "no decl f", "no decl e", "decl function A.i 2", "call i l", "call i o", "no decl j"}},
		{"records, sealed types, modules of names that are words elsewhere", "sealed interface A permits B, C {}\nnon-sealed class D implements A {}\nrecord E<T>(@F T a, int... b) implements A { static int c() { return 1; } }\nclass G { int record; int record() { return 1; } void module() {} G() { record = 1; record(); int sealed = 2; } Object sealed() { return null; } }", []string{
			"decl interface A 1", "decl class D 2", "decl class E 3", "decl function E.c 3", "decl function G.module 4", "decl function G.sealed 4", "decl function G.G 4",
		}},
		{"imports", "package a.b;\nimport c.d.E;\nimport f.*;\nimport static g.H.i;\nimport static j.K.*;\nimport module l.m;\n// import n.O;\nclass P { String q = \"import r.S;\"; }", []string{
			"import c.d.E", "import f *", "import g.H i", "import j.K *", "import l.m", "no import n.O", "no import r.S", "no import a.b",
		}},
		{"switch, yield, patterns, ternaries and shifts", "class A { int f(Object a, int b, int c, int d, int e, int g, int h) {\n switch (a) { case String s when s.isEmpty() -> { return 1; } case B(int x, var y), C z -> yield1(); default -> {} }\n int i = b >> 2; int j = c >>> 1; int k = d > 1 ? 2 : 3; List<? extends L> m = n(e);\n return g ? 1 : 2; } }", []string{
			"validates f a", "no validates f b", "no validates f c", "validates f d", "no validates f e", "validates f g", "no validates f h", "call f yield1", "no decl B",
		}},
		{"errors handled", "class A {\n void a() { try { f(); } catch (E e) { log(e); } }\n void b() { try { f(); } catch (E e) { } }\n void c() { try { f(); } catch (E e) { /* ignored */ ; } }\n void d() { try { f(); } catch (final E | F e) { throw e; } }\n void g() { try { f(); } catch (E e) { throw new X(e); } }\n void h() { try (var r = f()) { g(); } finally { i(); } }\n void j() { try { f(); } catch (E e) { return; } }\n void k() { try { f(); } catch (E e) { return null; } }\n void l() { f().exceptionally(e -> { log(e); return 1; }); }\n void m() { f().exceptionally(e -> null); }\n void n() { // catch (E e) { log(e); }\n }\n void o() { String s = \"catch (E e) { log(e); }\"; f.catchAll(e); }\n}", []string{
			"handler a", "no handler b", "no handler c", "no handler d", "handler g", "no handler h", "no handler j", "handler k", "handler l", "no handler m", "no handler n", "no handler o",
		}},
		{"environment", "import org.springframework.beans.factory.annotation.Value;\nimport io.github.cdimascio.dotenv.Dotenv;\nclass A { static final String KEY = \"A\"; @Value(\"${B:x}\") String b; @Value(\"${c.d}\") String c; @Value(\"#{'${E}'}\") String e;\n A(@Value(\"${F}\") String f) { System.getenv(KEY); System.getenv().get(\"G\"); System.getenv().getOrDefault(\"H\", i); System.getProperty(\"J\"); env.getProperty(\"K\"); other.getenv(\"L\"); // System.getenv(\"M\")\n map.get(\"N\"); Dotenv d = Dotenv.load(); d.get(\"O\"); System.setenv(\"P\", q); } }", []string{
			"env A", "env B", "no env c.d", "env E", "env F", "env G", "env H", "no env J", "no env K", "no env L", "no env M", "no env N", "env O", "no env P",
		}},
		{"a name bound twice is no constant", "class A { static final String KEY = \"A\"; void f() { System.getenv(KEY); } }\nclass B { static final String KEY = \"B\"; }", []string{"no env A", "no env B"}},
		{"a name that is assigned again is no constant", "class A { void f() { String k = \"A\"; k = g(); System.getenv(k); } }", []string{"no env A"}},
		{"headers set and not read, of answers and not of what is asked", "import org.springframework.http.HttpHeaders;\nclass A { static final String N = \"X-A\";\n void f(HttpServletResponse r, HttpServletRequest q, HttpURLConnection conn, ServerWebExchange exchange) {\n r.setHeader(N, \"1\"); r.addHeader(\"X-B\", v); q.setHeader(\"X-C\", \"1\"); conn.addHeader(\"X-D\", \"1\"); r.getHeader(\"X-E\"); r.containsHeader(\"X-F\");\n // r.setHeader(\"X-G\", \"1\");\n exchange.getResponse().getHeaders().set(HttpHeaders.CACHE_CONTROL, \"no-store\"); exchange.getRequest().getHeaders().set(\"X-H\", \"1\");\n return ResponseEntity.ok().header(\"X-I\", \"9\").header(\"X-J\", a + b).body(c); HttpRequest.newBuilder().header(\"X-K\", \"1\"); given().header(\"X-L\", \"1\").then().header(\"X-M\", \"1\");\n map.set(\"X-N\", \"1\"); response.setStatus(200); header(\"X-O\", \"1\"); new StaticHeadersWriter(\"X-P\", \"16\"); Response.status(200).header(HttpHeaders.E_TAG, x); ResponseEntity.ok().header(foo, \"1\"); } }", []string{
			"header X-A 1", "header X-B", "no header X-C", "no header X-D", "no header X-E", "no header X-F", "no header X-G", "header Cache-Control no-store", "no header X-H", "header X-I 9", "header X-J", "no header X-J a", "no header X-K", "no header X-L", "no header X-M",
			"no header X-N", "no header X-O", "header X-P 16", "no header foo",
		}},
		{"headers collected and given to an answer in the same method", "class A {\n ResponseEntity<B> f() { HttpHeaders h = new HttpHeaders(); h.add(\"X-A\", \"1\"); return new ResponseEntity<>(b, h, OK); }\n void g() { HttpHeaders h = new HttpHeaders(); h.add(\"X-B\", \"1\"); rest.exchange(u, new HttpEntity<>(h)); }\n}", []string{"header X-A 1", "no header X-B"}},
		{"security of Spring, in both styles", "class A { void f(HttpSecurity http) {\n http.headers().frameOptions().sameOrigin().and().csrf().disable();\n http.headers(h -> h.contentSecurityPolicy(\"default-src 'none'\").and().referrerPolicy(r -> r.policy(P)).httpStrictTransportSecurity(s -> s.maxAgeInSeconds(1)).contentTypeOptions(c -> c.disable()));\n http.cors(withDefaults()).formLogin(AbstractHttpConfigurer::disable).addFilterAt(new B(), C.class); }\n void g(Builder other) { other.csrf(withDefaults()).headers(h -> h.permissionsPolicy(p -> p.policy(\"x\"))); } }", []string{
			"header X-Frame-Options SAMEORIGIN", "header Content-Security-Policy default-src 'none'", "header Referrer-Policy", "header Strict-Transport-Security", "no header X-Content-Type-Options", "no header Permissions-Policy",
			"middle headers", "middle cors", "no middle csrf", "no middle formLogin", "middle B", "no middle C",
		}},
		{"headers that are switched off", "class A { void f(HttpSecurity http) { http.headers(h -> h.disable()).csrf(c -> { c.disable(); }); http.headers(h -> h.frameOptions(f -> f.disable())); } }", []string{"no middle csrf", "no header X-Frame-Options", "middle headers"}},
		{"middleware registered, not imported, made, extended or commented out", "import x.Unused;\nimport org.glassfish.jersey.server.ResourceConfig;\n@Component class A extends OncePerRequestFilter {}\n@Component class B extends Other {}\nclass C implements Filter {}\n@Provider class D implements ContainerRequestFilter {}\n@WebFilter(\"/*\") class E implements Filter {}\n@ControllerAdvice class F {}\nclass G extends ResourceConfig { G() { register(H.class); register(new I()); new J(); } }\nclass K { @Bean CorsFilter cors() { return new CorsFilter(s()); } @Bean L l() { return new L(); }\n void m(ServletContext c, InterceptorRegistry r) { c.addFilter(\"n\", new N()); c.addFilter(\"o\", O.class); r.addInterceptor(p()); // c.addFilter(\"q\", Q.class)\n client.addInterceptor(new R()); context.addFilter(new FilterHolder(new S()), \"/*\", t); new FilterRegistrationBean<>(new U()); } }", []string{
			"middle A", "no middle B", "no middle C", "middle D", "middle E", "middle F", "middle H", "middle I", "no middle J", "middle CorsFilter", "no middle L", "middle N", "middle O", "middle p", "no middle Q", "no middle R", "middle S", "middle U", "no middle Unused",
		}},
		{"tests of JUnit 4 and 5, TestNG and JUnit 3", "import org.junit.Test;\nimport org.testng.annotations.*;\nimport junit.framework.TestCase;\nclass A { @Test public void a() { x(); } @Test private void b() { x(); } @Test static void c() { x(); } @Test(enabled = false) public void d() { x(); } @Before public void e() { x(); } @Test public void f() {} @org.junit.jupiter.api.RepeatedTest(2) void g() { x(); } }\nabstract class B { @Test public void h() { x(); } }\nclass C extends TestCase { public void testI() { x(); } public void j() { x(); } public void testK(int l) { x(); } }\n@Test public class D { public void m() { x(); } void n() { x(); } @BeforeClass public void o() { x(); } public D() { x(); } }\ninterface E { @Test default void p() { x(); } }\n@RunWith(Enclosed.class) class F { public static class G { @Test public void q() { x(); } } }", []string{
			"test A.a", "no test A.b", "no test A.c", "no test A.d", "no test A.e", "no test A.f", "test A.g", "no test B.h", "test C.testI", "no test C.j", "no test C.testK", "test D.m", "no test D.n", "no test D.o", "no test D.D", "no test E.p", "test F.G.q",
		}},
		{"@Test of one's own is none", "class A { @Test void a() { x(); } }", []string{"no test A.a"}},
	})
}

func TestJavaValidates(t *testing.T) {
	claims(t, "A.java", []claim{
		{"conditions, comparisons and calls", "class A { void f(int a, int b, int c, int d, int e, int g, int h, int i, int j, int k) {\n if (a) return; while (!b) {} assert c : \"c\"; boolean l = d instanceof M; n = e == 1; Objects.requireNonNull(g); for (int o = 0; o < h; o++) {} validator.validate(i); if (p) q(j); k.isBlank(); } }", []string{
			"validates f a", "validates f b", "validates f c", "validates f d", "validates f e", "validates f g", "validates f h", "validates f i", "no validates f j", "validates f k",
		}},
		{"reading, logging, formatting and passing on do not", "class A { void f(String a, String b, String c, String d, String e) { log.info(\"check {}\", a); String s = \"if (b)\" + b; save(c); // validate(c)\n checkout(d); return e; } }", []string{
			"no validates f a", "no validates f b", "no validates f c", "no validates f d", "no validates f e",
		}},
		{"names of lambdas and of anonymous classes are others", "class A { void f(int a, int b, int c) { g(a -> a > 1); h((b, x) -> { if (b) i(); }); new J() { void k(int c) { if (c) l(); } }; } }", []string{"no validates f a", "no validates f b", "no validates f c", "validates f.k c"}},
		{"declared by annotations of Bean Validation", "import jakarta.validation.constraints.*;\nclass A { void f(@NotNull String a, @RequestBody @Valid B b, @Nullable String c, @Named(\"@NotNull\") String d, @Size(min = 1, max = 2) String e) { g(); } }", []string{
			"validates f a", "validates f b", "no validates f c", "no validates f d", "validates f e",
		}},
		{"an annotation of the same name from elsewhere is a note", "import org.jetbrains.annotations.NotNull;\nclass A { void f(@NotNull String a) { g(); } }", []string{"no validates f a"}},
	})
}

// What is not Java is refused, with its line.
func TestJavaIsRefused(t *testing.T) {
	for text, line := range map[string]int{
		"class A {":                                1,
		"class A { void f() { }\n":                 1,
		"class A { void f() ( }":                   1,
		"class A {\n String s = \"a\n\"; }":        2,
		"class A { String s = \"\"\"\n a }":        1,
		"class A { /* }":                           1,
		"class A {\n // \\u000a void f() {}\n}":    2,
		"class A { String s = \"\\u0022; }":        1,
		"class A { /* \\u002a/ void f() {} /* */}": 1,
		"class A {\n f() { } }":                    2,
		"class A { int if(int a) {} }":             1,
		"class A { # }":                            1,
		"\ndef f(): pass":                          2,
		"if (a) { b(); }":                          1,
		"class A { void f(); } }":                  1,
		"class A { char c = 'a; }":                 1,
	} {
		_, err := Parse("A.java", []byte(text))
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%q is taken", text)
		} else if syntax.Line != line {
			t.Errorf("%q: line %d, not %d: %s", text, syntax.Line, line, syntax.Message)
		}
	}
}
