package source

import "testing"

func TestGo(t *testing.T) {
	claims(t, "a.go", []claim{
		{"a comment, a string and a mention are no declaration and no call", "package p\n// func F() {}\n/* func G() {} */\nvar s = `func H() {}`\nvar x = I\nfunc J() { // K()\n\t_ = \"L()\"\n}", []string{
			"no decl F", "no decl G", "no decl H", "no decl I", "decl function J 6", "no call J K", "no call J L",
		}},
		{"signatures over lines, generics, one-liners", "package p\nfunc F[\n\tT any,\n\tU ~[]T,\n](\n\ta T,\n\tb ...U,\n) (\n\terr error,\n) {\n\treturn g[T](a)\n}\nfunc G() { h() }\n", []string{
			"decl function F 2 body 10-12", "params F a,b", "call F g", "decl function G 13 body 13-13", "call G h",
		}},
		{"methods, embedded and generic receivers", "package p\ntype S[T any] struct{ sync.Mutex }\nfunc (s *S[T]) M(x int) { s.Mutex.Lock(); s.Lock() }\nfunc (S[T]) N() {}\nfunc N() { f() }\n", []string{
			"decl class S 2", "decl function S.M 3", "call S.M s.Mutex.Lock", "call S.M s.Lock", "no call S.N f", "call N f",
		}},
		{"the spellings of a method", "package p\nfunc (t *T) M() { f() }", []string{"call (*T).M f", "call T::M f", "call T#M f", "call M f", "call M() f", "no decl (*U).M"}},
		{"interfaces", "package p\ntype I interface{ M(a int) error; fmt.Stringer }\n", []string{"decl interface I 2", "decl function I.M 2", "params I.M a", "no decl Stringer"}},
		{"types", "package p\ntype (\n\tA = int\n\tB []string\n\tC struct{}\n\tD func()\n)\n", []string{"decl type A 3", "decl type B 4", "decl class C 5", "decl type D 6"}},
		{"variables that hold functions", "package p\nvar handler = func(w int) { a() }\nvar later func()\nfunc init() { later = func() { b() } }\nvar cmd = &cobra.Command{Use: \"x\", RunE: func(c int) error { return run() }}\nfunc F() { local := func() { c() }; local() }", []string{
			"decl function handler 2", "params handler w", "call handler a", "decl function later 4", "call later b", "no call handler b",
			"decl function cmd.RunE 5", "call cmd.RunE run", "decl function F.local 6", "call F.local c", "call F c",
		}},
		{"CRLF, tabs and a byte order mark", "\ufeffpackage p\r\n\r\nfunc\tF(\r\n\ta int,\r\n)\t{\r\n\tg()\t// h()\r\n\t_ = `raw\r\nk()`\r\n}\r\n", []string{"decl function F 3 body 5-9", "call F g", "no call F h", "no call F k"}},
		{"names broken over lines", "package p\nfunc F() {\n\ta.\n\t\tb(x).\n\t\tc()\n}", []string{"call F a.b", "call F ?.c"}},
		{"an index that is called is not the name before it", "package p\nfunc F() { handlers[name](x); generic[int](x); pair[K, V](x) }", []string{"no call F handlers", "call F generic", "call F pair"}},
		{"imports", "package p\nimport \"os\"\nimport (\n\t_ \"embed\"\n\tm \"math/rand/v2\"\n\t// \"commented/out\"\n)\nvar s = \"not/imported\"", []string{
			"import os", "import embed", "import math/rand/v2", "no import commented/out", "no import not/imported",
		}},
		{"errors handled in this body and not in the next", "package p\nfunc A() { if err := f(); err != nil { log(err) } }\nfunc B() error { return f() }\nfunc C() { _ = f() }\nfunc D() { if err != nil {} }\nfunc E() { if err != nil { _ = err } }\n" +
			"func G() { if errors.Is(err, io.EOF) { return } }\nfunc H() { switch { case err == io.EOF: f() } }\nfunc I() { switch err := f().(type) { case nil: } }\n" +
			"func J() { defer func() { if r := recover(); r != nil { log(r) } }() }\nfunc K() { defer func() { recover() }() }\nfunc L() error { return fmt.Errorf(\"l: %w\", err) }\nfunc M() error { return fmt.Errorf(\"l: %v\", err) }\nfunc N() { if x != nil { y() } }\n" +
			"func O() { if err == nil { a() } else { b() } }\nfunc P() { if err == nil { a() } }\nfunc Q() { switch err { case nil: default: log() } }", []string{
			"handler A", "no handler B", "no handler C", "no handler D", "no handler E", "handler G", "handler H", "no handler I",
			"handler J", "no handler K", "handler L", "no handler M", "no handler N", "handler O", "no handler P", "handler Q",
		}},
		{"environment", "package p\nimport \"os\"\nimport sys \"syscall\"\nconst key = \"FROM_CONST\"\ntype C struct { A string `env:\"FROM_TAG,required\"`; B string `json:\"NOT_ENV\"` }\nfunc F() { os.Getenv(\"A\"); os.LookupEnv(key); sys.Getenv(\"B\"); os.Setenv(\"SET\", \"\"); os.ExpandEnv(\"${C}/$D\"); my.Getenv(\"E\") // os.Getenv(\"G\")\n}", []string{
			"env A", "env FROM_CONST", "env B", "env C", "env D", "env FROM_TAG", "no env SET", "no env E", "no env G", "no env NOT_ENV",
		}},
		{"headers set and not read", "package p\nimport \"net/http\"\nconst csp = \"Content-Security-Policy\"\nfunc F(w http.ResponseWriter, r *http.Request) {\n\tw.Header().Set(\"X-A\", \"1\")\n\th := w.Header()\n\th.Add(\"X-B\", v)\n\th[\"X-C\"] = []string{\"3\"}\n\tw.Header().Set(csp, \"none\")\n\t_ = r.Header.Get(\"X-D\")\n\tif h[\"X-E\"] != nil {}\n\tw.Header().Del(\"X-F\")\n\tc.Header(\"X-G\", \"7\")\n\tcache.Set(\"X-H\", \"8\")\n\tx := http.Header{\"X-I\": {\"9\"}}\n\tmaps.Copy(w.Header(), x)\n\tunused := http.Header{\"X-K\": {\"9\"}}\n\t// w.Header().Set(\"X-J\", \"\")\n}", []string{
			"header X-A 1", "header X-B", "no header X-B v", "header X-C 3", "header Content-Security-Policy none", "no header X-D", "no header X-E",
			"no header X-F", "header X-G 7", "no header X-H", "header X-I 9", "no header X-J", "no header X-K",
		}},
		{"fiber sets headers on its context", "package p\nimport \"github.com/gofiber/fiber/v2\"\nfunc F(c *fiber.Ctx) error { c.Set(\"X-A\", \"1\"); return nil }", []string{"header X-A 1"}},
		{"middleware registered, not imported, called or commented out", "package p\nimport (\n\t\"net/http\"\n\t\"example.com/csrf\"\n)\nfunc F(h http.Handler) {\n\tr.Use(mw.Logged, auth.Required(\"x\"))\n\t// r.Use(rate.Limit)\n\thttp.Handle(\"/\", secured(traced(h)))\n\th = gzipped(h)\n\tunused(h)\n\talice.New(first, second).Then(h)\n\thttp.Handle(\"/f\", http.HandlerFunc(f))\n\tsrv := &http.Server{Handler: outer(h)}\n\thttp.ListenAndServe(\":1\", csrf.Protect(key)(h))\n\tlist = append(list, h)\n}", []string{
			"middle mw.Logged", "middle auth.Required", "no middle rate.Limit", "middle secured", "middle traced", "middle gzipped", "no middle unused",
			"middle first", "middle second", "no middle http.HandlerFunc", "middle outer", "middle csrf.Protect", "no middle append", "no middle csrf",
		}},
		{"middleware of a gin route", "package p\nimport \"github.com/gin-gonic/gin\"\nfunc F(r *gin.Engine) { r.GET(\"/x\", AuthRequired(), h.Show); r.Group(\"/admin\", admins) }", []string{
			"middle AuthRequired", "middle admins", "no middle h.Show",
		}},
		{"tests of a file that go test does not run", "package p\nfunc TestA(t *testing.T) {}", []string{"no test TestA"}},
	})
	claims(t, "a_test.go", []claim{
		{"tests and subtests", "package p\nfunc TestA(t *testing.T) {\n\tt.Run(\"a b\", func(t *testing.T) { t.Run(\"c\", f) })\n\tt.Run(\"a b\", f)\n\tt.Run(name, f)\n\t// t.Run(\"x\", f)\n}\nfunc Testing(t *testing.T) {}\nfunc TestMain(m *testing.M) {}\nfunc FuzzA(f *testing.F) {}\nfunc ExampleA() { // Output: 1\n}\nfunc BenchmarkA(b *testing.B) {}\nfunc (s *S) TestB(t *testing.T) {}", []string{
			"test TestA", "test TestA/a_b", "test TestA/a_b/c", "test TestA/a_b#01", "no test TestA/x", "no test Testing", "no test TestMain",
			"test FuzzA", "test ExampleA", "no test BenchmarkA", "no test TestB",
		}},
	})
}

func TestGoValidates(t *testing.T) {
	claims(t, "a.go", []claim{
		{"conditions", "package p\nfunc F(a, b, c, d, e, f, g string) {\n\tif a == \"\" { return }\n\tfor b != \"\" {}\n\tswitch c { case \"x\": }\n\tswitch { case len(d) > 3: }\n\tif _, ok := allowed[e]; !ok { return }\n\tok := f == \"x\"\n\tlog(g)\n}", []string{
			"validates F a", "validates F b", "validates F c", "validates F d", "validates F e", "validates F f", "no validates F g", "no validates F nothing",
		}},
		{"calls that validate", "package p\nfunc F(a, b *T, c string, d []byte, e, f, g, h, i string) {\n\ta.Validate()\n\tcheckAll(b.Name)\n\tif err := isEmail(c); err != nil {}\n\tvar x = parseBody(d[1:])\n\tpattern.MatchString(e)\n\tvalidate.Struct(&f)\n\tverify(strings.TrimSpace(g))\n\tmustBeClean(h)\n\tvalidate(i, other)\n}", []string{
			"validates F a", "validates F b", "validates F c", "validates F d", "validates F e", "validates F f", "validates F g", "validates F h", "validates F i",
		}},
		{"reading, logging, formatting and passing on do not", "package p\nfunc F(a, b, c, d, e, f string) error {\n\tlog.Println(a)\n\t_ = fmt.Sprintf(\"validate(%s)\", b)\n\tcheckout(c)\n\tskipValidation(d) // validate(d)\n\tif err := save(e); err != nil { return err }\n\tok := save(f) == nil\n\treturn nil\n}", []string{
			"no validates F a", "no validates F b", "no validates F c", "no validates F d", "no validates F e", "no validates F f",
		}},
		{"a member of something else, a key, and a name of a nested function", "package p\nfunc F(name string) {\n\tvalidate(x.name)\n\tvalidate(T{name: 1})\n\tg := func(name string) { validate(name) }\n\th(func(name int) bool { return name > 1 })\n\tvalidate(names)\n}", []string{
			"no validates F name", "validates F.g name",
		}},
		{"paths", "package p\nfunc F(r *R) { validate(r.Body.Email); log(r.Body.Name) }", []string{"validates F r.Body.Email", "no validates F r.Body.Name", "no validates F r.Body.Em"}},
		{"only this body", "package p\nfunc F(a string) { G(a) }\nfunc G(a string) { validate(a) }", []string{"no validates F a", "validates G a"}},
	})
}
