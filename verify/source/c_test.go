package source

import (
	"errors"
	"testing"
)

func TestC(t *testing.T) {
	claims(t, "a.c", []claim{
		{"comments, strings, characters, mentions and prototypes are no declarations", "// int a(void) { x(); }\n/* int b(void) { } */\nconst char *s = \"int c(void) { }\";\nint d(void);\nextern int e(int a), f(int b);\nint g = h(1);\nint (*i)(int);\nstatic int j(int a)\n{\n\t// k()\n\tint l = '\"'; /* m() */\n\treturn n(\"o()\", '{');\n}\n", []string{
			"no decl a", "no decl b", "no decl c", "no decl d", "no decl e", "no decl f", "no decl h", "no decl i", "decl function j 8 body 9-13", "no call j k", "no call j m", "call j n", "no call j o", "string int c(void) { }",
		}},
		{"comments that go on", "// a \\\nint b(void) { return 1; }\nint c(void) { return 1; }\n", []string{"no decl b", "decl function c 3"}},
		{"signatures over lines, pointers, names in brackets, results that are pointers to functions", "const struct s *\na\n(\n  const char **b,\n  int (*c)(int, char *),\n  unsigned d[3],\n  ...\n)\n{\n  e();\n}\nlong (f)(void) { g(); }\nvoid (*h(int i, void (*j)(int)))(int) { k(); }\nint l(void){return m();}\n", []string{
			"decl function a 2 body 9-11", "params a b,c,d", "call a e", "decl function f 12", "call f g", "decl function h 13", "params h i,j", "call h k", "decl function l 14 body 14-14", "call l m",
		}},
		{"parameters without names", "int a(int, char *, struct s, const t, u v, w *, x) { return b(); }\n", []string{"params a v"}},
		{"definitions as K&R wrote them", "char *a(b, c, d)\n\tint b;\n\tchar **c, *d;\n{\n\treturn e(b);\n}\nf() { g(); }\nmain(argc, argv) char **argv; { h(); }\nint i(j)\nint (*j)();\n{ k(); }\nint l(m);\nint n;\n", []string{
			"decl function a 1 body 4-6", "params a b,c,d", "call a e", "decl function f 7", "call f g", "decl function main 8", "call main h", "decl function i 9", "params i j", "no decl l", "no decl m", "no decl n",
		}},
		{"attributes and macros around names", "__attribute__((noinline, format(printf, 1, 2)))\nstatic int a(const char *f, ...) { b(); }\nint c(void) __attribute__((cold));\nint __attribute__((always_inline)) d(void) { e(); }\nAPI int CALL f(void) { g(); }\nint h(void) NOTHROW LOCKS(x) { i(); }\nEXPORT(int) j(int k) { l(); }\n__declspec(dllexport) void m(void) { n(); }\nint o(int p) __asm__(\"x\");\n", []string{
			"decl function a 2", "decorator a noinline", "decorator a format", "call a b", "no decl c", "decl function d 4", "call d e", "decl function f 5", "no decl CALL", "decl function h 6", "no decl LOCKS", "call h i",
			"decl function j 7", "params j k", "no decl EXPORT", "decl function m 8", "decorator m dllexport", "no decl o",
		}},
		{"macros that look like functions are none", "DEFINE_TEST(a) { b(); }\nEXPORT_SYMBOL(c);\nEXPORT_SYMBOL(d)\nint e(void) { f(); }\n#define g(x) int h(void) { return x; }\nMAKE(i)\nint FN(j)(int a) { k(); }\nint l __P((int a));\nstatic TABLE(m) = { n };\nBEGIN_DECLS\nint o(void) { p(); }\nEND_DECLS\ntest_case(q) { r(); }\n", []string{
			"no decl DEFINE_TEST", "no decl a", "no decl c", "no decl d", "decl function e 4", "no decl g", "no decl h", "no decl i", "no decl FN", "no decl j", "no decl l", "no decl __P", "no decl m", "decl function o 11", "no decl test_case", "no decl q",
		}},
		{"branches of the preprocessor", "#if 0\nint a(void) { return 1; }\n'\n#else\nint b(void) { return c(); }\n#endif\n#ifdef X\nint d(int e)\n#else\nint d(void)\n#endif\n{\n#ifdef Y\n  if (f()) {\n#else\n  if (g()) {\n#endif\n    h();\n  }\n}\n#if 1\nint i(void) { return 1; }\n#else\nint j(void) { return 1; }\n#endif\n#ifdef __cplusplus\nextern \"C\" {\n#endif\nint k(void) { return l(); }\n#ifdef __cplusplus\n}\n#endif\n#ifndef Z\nint m(void) { return 1; }\n#elif W\nint n(void) { return 1; }\n#else\nint n(void) { return 2; }\n#endif\n", []string{
			"no decl a", "decl function b 5", "call b c", "decl function d 8 body 12-20", "params d e", "call d f", "no call d g", "call d h", "decl function i 22", "no decl j", "decl function k 29", "call k l", "decl function m 34", "decl function n 36", "decl function n 38",
		}},
		{"conditionals within a call, and one left open", "int a(void) {\n  return b(1,\n#ifdef X\n    c(2)\n#else\n    d(3)\n#endif\n  );\n}\n#if defined(A) && \\\n    defined(B)\nint e(void) { return 1; }\n#endif /* don't */\n#error it's \"odd\n", []string{"call a b", "call a c", "call a d", "decl function e 12"}},
		{"structs, unions, enums, typedefs", "struct a { int b; struct c { int d; } e; };\nunion f { int g; };\nenum h { I, J };\ntypedef struct { int k; } l, *m;\ntypedef struct n { int o; } n;\ntypedef int (*p)(int), q[3];\ntypedef unsigned long long r;\nstruct s;\nstruct t u = { .v = w };\nstruct x *y(void) { return z(); }\ntypedef enum { AA } bb;\n", []string{
			"decl class a 1", "decl class a.c 1", "decl class f 2", "decl class h 3", "decl class l 4", "decl type m 4", "decl class n 5", "decl type p 6", "decl type q 6", "decl type r 7", "no decl s", "no decl t", "no decl u", "no decl v", "decl function y 10", "no decl x", "decl class bb 11", "no decl I",
		}},
		{"tables, initialisers, labels", "static struct ops o = {\n  .open = a_open,\n  .close = (f)b(1),\n};\nint t[] = { [A] = 1, [B] = 2 };\nint c(void) {\n  struct p q = { .r = s(1) };\nout:\n  return u(v)(w);\n}\n", []string{"no decl o", "no decl a_open", "no decl open", "call c s", "call c u", "no decl out"}},
		{"calls", "int a(void) {\n  b (1, c(2), \"x, y\", (int)d);\n  e->f.g(h);\n  (*i)(j);\n  if (k) return (l);\n  sizeof(m);\n  int n(int);\n  struct o *p = q();\n  for (;;) while (r(1)) ;\n  return s[t](u), v;\n  goto w; w: x();\n}\n", []string{
			"call a b", "call a c", "call a e.f.g", "no call a i", "no call a return", "no call a sizeof", "call a q", "call a r", "no call a t", "no call a s", "no call a n", "call a x",
		}},
		{"CRLF, tabs, a byte order mark, joined lines", "\ufeff#include <a.h>\r\n\tint\tb(\r\n\tint c)\r\n{\r\n\td(\"e \\\r\nf\");\r\n#define G \\\r\n  h()\r\n}\r\n", []string{"import a.h", "decl function b 2 body 4-9", "params b c", "call b d", "no call b h"}},
		{"includes", "#include <stdio.h>\n#  include \"a/b.h\" /* c */\n#include MACRO\n// #include \"d.h\"\n#if 0\n#include \"e.h\"\n#endif\nconst char *f = \"#include <g.h>\";\n#import <h.h>\n", []string{
			"import stdio.h", "import a/b.h", "no import d.h", "no import e.h", "no import g.h", "import h.h", "no import MACRO",
		}},
		{"errors", "int a(void) { int r = f(); if (r < 0) return r; }\nint b(char *p) { if (!p) return -1; return 0; }\nint c(void) { if (!strcmp(x, y)) return 1; }\nint d(void) { if ((p = malloc(3)) == NULL) { log(); goto out; } out: return 0; }\nint e(void) { int r = f(); if (r < 0) ; if (r == -1) {} return r; }\n" +
			"int g(void) { (void)f(); f(); return f(); }\nint h(void) { if (open(p) == -1 && errno != EEXIST) die(); }\nint i(void) { switch (errno) { case EINTR: again(); } }\nint j(void) { if (fseek(a, 0, 0)) return 1; }\nint k(void) { if (err) return err; }\nint l(void) { FILE *q = fopen(n, m); if (q != NULL) { use(q); } else { perror(n); } }\n" +
			"int m(void) { FILE *q = fopen(n, m); if (q) { use(q); } }\nint n(int r) { if (r < 0) return r; }\nint o(void) { if (unlikely(!kmalloc(1))) return -1; }\nint p(void) { if (isalpha(c) < 0) x(); if (!is_admin(u)) return 0; }\nint q(void) { if (ferror(f)) fail(); }\nint r(void) { ret = f(); ret = 0; if (ret < 0) return 1; }\n" +
			"int s(void) { if (ret != OK) return 1; }\nint t(void) { ret = f(); if (ret != RET_OK) return 1; }\nint u(void) { p = f(); if (!p) (void)p; }\nint v(void) { if (NULL == (p = calloc(1, 1))) return 2; }\nint w(void) { r = read(a); while (r < 0) x(); }\n", []string{
			"handler a", "no handler b", "no handler c", "handler d", "no handler e", "no handler g", "handler h", "handler i", "no handler j", "handler k", "handler l", "no handler m", "no handler n", "handler o", "no handler p", "handler q", "no handler r",
			"no handler s", "handler t", "no handler u", "handler v", "no handler w",
		}},
		{"environment", "#define NAME \"B\"\n#define TWICE \"C\"\n#undef TWICE\n#define TWICE \"D\"\nstatic const char *const KEY = \"E\";\nstatic const char *other = \"F\";\nint a(void) { getenv(\"A\"); getenv(NAME); getenv(TWICE); secure_getenv(KEY); my_getenv(\"G\"); getenv(key); setenv(\"H\", x, 1); // getenv(\"I\")\n  puts(\"getenv(\\\"J\\\")\"); x->getenv(\"K\"); getenv(\"L\" \"M\"); }\n", []string{
			"env A", "env B", "no env C", "no env D", "env E", "no env G", "no env H", "no env I", "no env J", "no env K", "env LM",
		}},
		{"headers", "#define CSP \"Content-Security-Policy\"\nint a(void) { MHD_add_response_header(r, \"X-A\", \"1\"); MHD_add_response_header(r, CSP, v); apr_table_set(q->headers_out, \"X-B\", \"2\"); apr_table_get(q->headers_out, \"X-C\"); apr_table_set(q->headers_in, \"X-D\", \"4\"); evhttp_add_header(h, \"X-E\", \"5\"); // MHD_add_response_header(r, \"X-F\", \"\")\n}\n", []string{
			"header X-A 1", "header Content-Security-Policy", "header X-B 2", "no header X-C", "no header X-D", "header X-E 5", "no header X-F",
		}},
		{"tests", "#include \"unity.h\"\nvoid test_a(void) { b(); }\nvoid test_c(void) { TEST_IGNORE(); }\nstatic int helper(void) { d(); }\n// void test_e(void) { }\nvoid test_f(int g) { h(); }\n", []string{"test test_a", "no test test_c", "no test helper", "no test test_e", "no test test_f"}},
		{"tests of cmocka and Check", "static void a(void **state) { b(); }\nstatic void c(void **state) { skip(); }\nint main(void) { struct CMUnitTest t[] = { cmocka_unit_test(a), cmocka_unit_test(c) }; tcase_add_test(x, d); }\nSTART_TEST(d)\n{ e(); }\nEND_TEST\nSTART_TEST(f) { g(); }\nEND_TEST\n", []string{"test a", "no test c", "test d", "no test f"}},
		{"C++ is not read in C", "class A { void b() { c(); } };\nint class = 1;\nint d(void) { return e(); }\n", []string{"decl function d 3"}},
	})
	claims(t, "a.h", []claim{
		{"a header of C", "#ifndef A_H\n#define A_H\n#ifdef __cplusplus\nextern \"C\" {\n#endif\nstruct class_of { int class; };\nint a(void);\nstatic inline int b(int c) { return d(c); }\n#ifdef __cplusplus\n}\n#endif\n#endif\n", []string{"no decl a", "decl function b 8", "call b d", "decl class class_of 6"}},
		{"a header of C++", "#pragma once\nnamespace n {\nclass A : public B {\npublic:\n  explicit A(int c) : d(c) { e(); }\n};\n}\n", []string{"decl class n.A 3", "decl function n.A.A 5", "call A.A e"}},
		{"a header with a part for C++", "struct a {\n#ifdef __cplusplus\n  explicit a(int b = 1);\n  int c() { return d(); }\n#endif\n};\n#ifdef __cplusplus\ninline a::a(int b) { e(b); }\n#endif\nstatic inline int f(void) { return g(); }\n", []string{"decl function a.a 8", "call a.a e", "decl function f 10"}},
	})
}

func TestCValidates(t *testing.T) {
	claims(t, "a.c", []claim{
		{"conditions, comparisons and calls that validate", "int f(int a, int b, char *c, int d, char *e, int g, int h, char *i, int j, int k) {\n  if (a) return 1;\n  while (b) x();\n  switch (*c) { }\n  x = d ? 1 : 2;\n  assert(e);\n  y = g == 3;\n  for (int z = 0; z < h; z++) w();\n  validate_path(i);\n  log(j);\n  return save(&k);\n}\n", []string{
			"validates f a", "validates f b", "validates f c", "validates f d", "validates f e", "validates f g", "validates f h", "validates f i", "no validates f j", "no validates f k",
		}},
		{"shifts, members, strings and comments do not", "int f(int a, int b, int c, int d) {\n  x = a >> 3;\n  y = 1 << b;\n  if (s->c) return 1;\n  if (\"d\"[0] /* d */) return 2;\n}\n", []string{"no validates f a", "no validates f b", "no validates f c", "no validates f d"}},
		{"only this body", "int f(int a) { return g(a); }\nint g(int a) { if (!a) return 1; }\n", []string{"no validates f a", "validates g a"}},
	})
}

func TestCPP(t *testing.T) {
	claims(t, "a.cpp", []claim{
		{"comments, strings, raw strings, prototypes and mentions are no declarations", "// void a() { b(); }\n/* void c() {} */\nauto s = R\"x(\nvoid d() { \"e()\" )\" }\n)x\";\nauto u = u8R\"(void f() {})\" \"void g() {}\";\nvoid h();\nclass I; struct J;\ntemplate <class T> void k(T);\nauto l = m(1);\nvoid n() { o(R\"(p())\"); }\nextern template class Q<int>;\n", []string{
			"no decl a", "no decl c", "no decl d", "no decl f", "no decl g", "no decl h", "no decl I", "no decl J", "no decl k", "no decl m", "decl function n 11", "call n o", "no call n p", "no decl Q",
		}},
		{"namespaces", "namespace a { namespace b::c { void d() { e(); } } }\nnamespace { void f() { g(); } }\ninline namespace v1 { void h() { i(); } }\nnamespace a::inline v2 { class J { void k() { l(); } }; }\nnamespace m = a::b;\nusing namespace a;\nnamespace [[deprecated]] n { void o() { p(); } }\nextern \"C\" { void q() { r(); } }\nextern \"C\" void s() { t(); }\n", []string{
			"decl function a.b.c.d 1", "call a::b::c::d e", "decl function f 2", "decl function h 3", "decl class a.J 4", "decl function a.J.k 4", "no decl m", "decl function n.o 7", "decl function q 8", "decl function s 9",
		}},
		{"constructors, destructors, operators, conversions", "struct A : B<int>, C {\n  A() = default;\n  A(const A &) = delete;\n  explicit A(int x) noexcept(true) : B<int>{x}, c_(x), d_{1, {2}} { f(x); }\n  template <class T> A(T &&t) : A(std::forward<T>(t)) { g(); }\n  ~A() { h(); }\n  A &operator=(const A &o) { return i(o); }\n  bool operator<(const A &o) const { return j(o); }\n  auto operator<=>(const A &) const = default;\n  void operator()(int k) { l(k); }\n  operator bool() const { return m(); }\n  explicit operator std::vector<int>() { return n(); }\n  int operator[](int o) { return p(o); }\n  void *operator new(size_t q) { return r(q); }\n  A *operator->() { return s(); }\n  void t() const & noexcept override;\n};\nA::A(long x) : B(x) { u(); }\nA::~A() { v(); }\nbool A::operator==(const A &o) const { return w(o); }\nstd::ostream &operator<<(std::ostream &x, const A &y) { return z(x); }\nA::operator int() const { return aa(); }\nint operator\"\"_km(unsigned long long bb) { return cc(bb); }\n", []string{
			"decl class A 1", "decl function A.A 4", "call A.A f", "call A.A g", "decl function A.~A 6", "decl function A.operator= 7", "decl function A.operator< 8", "no decl A.operator<=>", "decl function A.operator() 10", "params A::operator() k",
			"decl function A.operator[] 13", "call A::operator[] p", "decl function A.operator-> 15", "no decl t", "decl function A.A 18", "call A::A u", "decl function A.~A 19", "decl function A.operator== 20", "decl function operator<< 21", "params operator<< x,y",
			"decl function operator\"\"_km 23",
		}},
		{"templates, constraints, trailing results", "template <typename T, template <class> class U = V, int N = (3 > 2), typename = std::enable_if_t<(N > 1) && true>>\nauto a(std::map<T, std::vector<U<T>>> b, T (&c)[N], void (*d)(T) = nullptr, T &&...e) -> decltype(f(b)) { return g(b); }\ntemplate <class T> requires C<T> && (sizeof(T) > 1)\nvoid h(T i) requires D<T> { j(i); }\ntemplate <> void k<int>(int l) { m(l); }\ntemplate <class T> struct N<T *> { void o() { p(); } };\ntemplate <class T> template <class U> void Q<T>::R<U>::s(U t) && { u(t); }\nconcept V = true;\nvoid w(C auto x) { y(x); }\n", []string{
			"decl function a 2", "params a b,c,d,e", "call a g", "decl function h 4", "params h i", "decl function k 5", "call k m", "decl class N 6", "decl function N.o 6", "decl function Q.R.s 7", "call Q::R::s u", "no decl V", "no decl C", "params w x",
		}},
		{"attributes, macros and specifiers", "[[nodiscard(\"why\"), gnu::pure]] static constexpr inline auto a() -> int { return b(); }\nclass EXPORT [[deprecated]] C final : public virtual D { public: [[x]] virtual void e() override final { f(); } Q_OBJECT\npublic slots:\n  void g() { h(); }\nsignals:\n  void i();\n};\nclass __declspec(dllexport) J { };\nAPI int CALL k(int l) { return m(l); }\nQ_DECLARE(n) { o(); }\nTEST(P, q) { r(); }\nstruct S { MACRO(t) { u(); } int v() MACRO_X { w(); } };\nDEPRECATED(\"x\")\nint y() { z(); }\n", []string{
			"decl function a 1", "decorator a nodiscard", "decorator a gnu.pure", "decl class C 2", "decorator C deprecated", "decl function C.e 2", "decorator C.e x", "decl function C.g 4", "no decl i", "decl class J 8", "decl function k 9", "no decl CALL",
			"no decl Q_DECLARE", "no decl TEST", "no decl P", "no decl q", "no decl MACRO", "decl function S.v 12", "no decl DEPRECATED", "decl function y 14",
		}},
		{"members, nested types, friends, static members, enums", "class A {\n  int a_ = 1, b_{2};\n  static const int c[];\n  std::function<void(int)> d = [](int e) { f(e); };\n  enum class G : int { H, I };\n  union { int j; float k; };\n  struct L { struct M { void n() { o(); } }; };\n  friend class P;\n  friend void q(A &r) { s(r); }\n  using T = int; typedef int U;\n  int bits : 3;\n  void v() { struct W { void x() { y(); } }; }\n};\nconst int A::c[] = { 1, 2 };\nA::T A::z(int aa) { return bb(aa); }\n", []string{
			"no decl a_", "no decl c", "no decl d", "decl class A.G 5", "no decl H", "decl class A.L.M 7", "decl function A.L.M.n 7", "no decl P", "decl function q 9", "decl type A.T 10", "decl type A.U 10", "no decl bits", "decl class A.v.W 12", "decl function A.v.W.x 12", "decl function A.z 15",
		}},
		{"lambdas, casts, new, calls of templates", "void a() {\n  auto b = [&, c = d(1)](auto e) mutable -> int { return f(e); };\n  g<int>(1);\n  static_cast<long>(h());\n  new I(2);\n  j::K<L, M<N>>::o(3);\n  p->q().r();\n  if (s < t && u > (v)) w();\n  X y(z);\n  throw E(1);\n  int{4};\n  this->aa();\n  ::bb();\n  co_await cc();\n}\n", []string{
			"no decl b", "call a d", "call a f", "call a g", "no call a static_cast", "call a h", "call a I", "call a p.q", "call a ?.r", "no call a u", "call a w", "call a E", "call a this.aa", "call a bb", "call a cc",
		}},
		{"bodies that are try blocks", "A::A(int b) try : c(b) { d(); } catch (const E &e) { f(e); }\nint g() try { return h(); } catch (...) { }\n", []string{"decl function A.A 1", "call A.A d", "call A.A f", "handler A.A", "decl function g 2", "no handler g"}},
		{"errors caught", "void a() { try { b(); } catch (const E &e) { log(e); } }\nvoid c() { try { b(); } catch (...) { } }\nvoid d() { try { b(); } catch (E &e) { throw; } }\nvoid e() { try { b(); } catch (E &x) { throw x; } }\nvoid f() { try { b(); } catch (E &x) { throw F(x); } }\nint g() { auto r = h(); if (!r) return 1; if (!r.ok()) return 2; }\nvoid i() { if (auto x = j(); !x) { k(); } }\nvoid l() { // catch (E) { m(); }\n  auto s = \"catch (E) { }\"; }\nvoid n() { std::error_code ec; o(ec); if (ec) throw P(ec); }\n", []string{
			"handler a", "no handler c", "no handler d", "no handler e", "handler f", "handler g", "handler i", "no handler l", "handler n",
		}},
		{"headers, environment, middleware", "constexpr auto KEY = \"K\";\nvoid a() {\n  resp->addHeader(\"X-A\", \"1\"); res.set_header(\"X-B\", v); req.set_header(\"X-C\", \"3\"); res.get_header_value(\"X-D\"); res.set(http::field::x_frame_options, \"DENY\");\n  std::getenv(\"E\"); std::getenv(KEY); my::getenv(\"F\");\n  app().registerPreRoutingAdvice(&g); // app().registerPreRoutingAdvice(h);\n  CROW_MIDDLEWARES(app, I)([] { });\n  server.set_pre_routing_handler([](auto &r) { });\n}\n", []string{
			"header X-A 1", "header X-B", "no header X-C", "no header X-D", "header X-Frame-Options DENY", "env E", "env K", "no env F", "middle g", "no middle h", "middle I",
		}},
		{"tests", "TEST_CASE(\"a b\", \"[x]\") { c(); }\nTEST_CASE(\"hidden\", \"[.][x]\") { c(); }\nTEST_CASE_METHOD(F, \"d\") { e(); }\nSCENARIO(\"f\") { g(); }\nTEST_CASE(\"skipped\" * doctest::skip()) { h(); }\nTEST_CASE(\"later\") { SKIP(\"no\"); }\nBOOST_AUTO_TEST_SUITE(s)\nBOOST_AUTO_TEST_CASE(i) { j(); }\nBOOST_AUTO_TEST_CASE(off, * boost::unit_test::disabled()) { j(); }\nBOOST_AUTO_TEST_SUITE_END()\nBOOST_FIXTURE_TEST_CASE(k, F) { l(); }\nTEST(A, m) { n(); }\nIGNORE_TEST(A, o) { p(); }\nTYPED_TEST(B, q) { r(); }\n// TEST(A, commented) {}\nauto s = \"TEST(A, string) {}\";\nTEST(A, mentioned);\n", []string{
			"test a b", "no test hidden", "test d", "test Scenario: f", "no test skipped", "no test later", "test s/i", "no test s/off", "test k", "test A.m", "no test A.o", "test B.q", "no test A.commented", "no test A.string", "no test A.mentioned",
		}},
		{"digit separators and characters", "int a() { return 1'000'000 + 0xFF'FFu + '\\'' + L'\"' + b(); }\nint c() { return d(); }\n", []string{"call a b", "decl function c 2"}},
	})
}

func TestCPPValidates(t *testing.T) {
	claims(t, "a.cc", []claim{
		{"conditions and comparisons, not the brackets of templates", "void f(int a, std::string b, int c, int d, int e, int g) {\n  if (a < 3) return;\n  if (b.empty()) return;\n  std::vector<std::pair<int, int>> v(c);\n  std::map<int, T> m{d};\n  x(std::array<int, 3>{e});\n  auto y = g >> 2;\n}\n", []string{
			"validates f a", "validates f b", "no validates f c", "no validates f d", "no validates f e", "no validates f g",
		}},
		{"a lambda's own parameter is another", "void f(int a, int b) {\n  auto g = [](int a) { return a > 3; };\n  auto h = [&](int c) { return b > c; };\n}\n", []string{"no validates f a", "validates f b"}},
	})
}

func TestCIsRefused(t *testing.T) {
	for name, texts := range map[string]map[string]int{
		"a.c": {
			"int f(void) {\n": 1, "int f(void) { )\n": 1, "}\n": 1, "char *s = \"a\n\";\n": 1, "int c = 'a\n;": 1, "\n/* a\n": 2, "#if X\nint a;\n": 1, "#endif\n": 1, "\n#else\n": 2, "#if X\nint f(void) {\n#else\nint g(void) {\n#endif\n": 2,
		},
		"a.cpp": {"auto s = R\"x(a)y\";\n": 1, "auto s = R\"a b(c)a b\";\n": 1, "namespace a {\n": 1, "template <class T> void f(T t) { g(t; }\n": 1},
	} {
		for text, line := range texts {
			_, err := Parse(name, []byte(text))
			var syntax *SyntaxError
			if !errors.As(err, &syntax) {
				t.Errorf("%q is taken", text)
			} else if syntax.Line != line {
				t.Errorf("%q: line %d, not %d: %s", text, syntax.Line, line, syntax.Message)
			}
		}
	}
}

// A header says which of the two languages it was read as.
func TestHeadersAreTold(t *testing.T) {
	for text, want := range map[string]Language{
		"int a(void);\n": C, "struct a { int b; };\n": C, "class A { };\n": CPP, "template <class T> T f(T);\n": CPP, "std::string s;\n": CPP, "int class;\n": C,
		"struct A { private: int b; };\n": CPP, "// std::string\nconst char *s = \"a::b\";\n": C, "using namespace std;\n": CPP,
	} {
		f, err := Parse("a.h", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if f.Language != want {
			t.Errorf("%q is read as %s", text, f.Language)
		}
	}
}
