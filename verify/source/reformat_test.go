package source

import (
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// dialect is how a language writes what the properties below are about. A language joins by adding its own.
type dialect struct {
	file   string
	before string // what a text begins with

	// declarations of a function NAME that calls callee() in its body. "~" stands for blanks, "^" for any blanks and line
	// ends or none.
	declarations []string

	comments []func(text string) string
	strings  []func(text string) string // each a whole statement
}

// lines puts a mark before each line.
func lines(mark string) func(string) string {
	return func(text string) string { return mark + strings.ReplaceAll(text, "\n", "\n"+mark) + "\n" }
}

// around puts a text between two others.
func around(before, after string) func(string) string {
	return func(text string) string { return before + text + after + "\n" }
}

var dialects = []dialect{
	{
		file:   "a.go",
		before: "package p\n",
		declarations: []string{
			"func~NAME(^a~int,^b~...string,^)~{^callee()^}\n", "func~(^r~*T,^)~NAME(^)~(^map[K]V,^)~{^return~x.callee(^1,^2,^)^}\n",
			"type~NAME~struct~{^a~int^}\nfunc~f()~{~callee()~}\n", "var~NAME~=~func()~{~callee()~}\n",
		},
		comments: []func(string) string{lines("// "), around("/*", "*/")},
		strings:  []func(string) string{around("var s = `", "`"), func(text string) string { return "var s = " + strconv.Quote(text) + "\n" }},
	},
	{
		file: "a.py",
		declarations: []string{
			"def~NAME~(^a,^b:~int~=~1,^*c,^)~->~dict[^int,^str^]:\n~~callee(^1,^)\n", "@deco(^1,^[^2^]^)\nasync~def~NAME~[^T^](^)~:\n\tcallee~(^)\n",
			"class~NAME~(^object,^):\n~~def~f(self):~callee()\n", "NAME~=~lambda~a,~b=(^1^):~callee(^)\n", "def~NAME():~return~callee()\n",
		},
		comments: []func(string) string{lines("# "), around(`"""`, `"""`), around("'''", "'''")},
		strings:  []func(string) string{around(`s = """`, `"""`), around(`s = r'''`, "'''"), around(`f = b"""`, `"""`), func(text string) string { return "s = " + strconv.Quote(text) + "\n" }},
	},
	{
		file:   "a.scala",
		before: "package p\nimport a.b\n",
		declarations: []string{
			"final~def~NAME[T~<:~AnyRef](^a:~Int,^b:~Map[K,^V]*^)(implicit~c:~C):~Map[K,~V]~=~{^callee(^1,^2^)^}\n", "def~NAME~=~callee(^1^)\n", "class~A(^val~b:~Int^)~extends~C(^b^)~with~D~{^override~def~NAME()~=~{~x.callee()~}^}\n",
			"@B(^c~=~1^)~case~class~NAME(^a:~Int^)~{~def~f()~=~callee(^)~}\n", "object~O~{^val~a~=~new~B~{^def~NAME(^x:~Int^)~{^callee(x)^}^}^}\n", "trait~A:\n~~def~NAME(a:~Int):~Int~=\n~~~~val~b~=~a\n~~~~callee(b)\n",
		},
		comments: []func(string) string{lines("// "), around("/*", "*/"), around("/* /* nested */", "*/")},
		strings: []func(string) string{
			func(text string) string { return "object S {\nval s = " + strconv.Quote(text) + "\n}\n" }, func(text string) string { return "object S {\nval s = \"\"\"\n" + text + "\n\"\"\"\n}\n" },
		},
	},
	{
		file:   "a.kt",
		before: "package p\nimport a.b\n",
		declarations: []string{
			"internal~suspend~fun~<^T~:~Any^>~NAME(^a:~Int~=~1,^@B(^1^)~vararg~b:~Map<^K,^V>^,^)~:^Map<K,~V?>^{^callee(^1,^2^)^}\n", "fun~String?.NAME(^)~=^callee(^1^)\n",
			"class~A(^val~b:~Int^)~:~C(^b^),^D~{^override~fun~NAME(^)~{~x?.callee()~}^}\n", "@B(^c~=~[^1^]^)^class~NAME~{~fun~f()~{^callee~(^)^}~}\n",
			"object~O~{~fun~f()~=~1~}\nfun~NAME(^)~{^callee~{~1~}^}\n", "val~a~=~object~:~B~{^override~fun~NAME(^)^{^callee()^}^}\n", "enum~class~E~{^A,^B~{^override~fun~NAME(^)~{~callee()~}^}^;^}\n",
		},
		comments: []func(string) string{lines("// "), around("/*", "*/"), around("/* /* nested */", "*/")},
		strings: []func(string) string{
			func(text string) string {
				return "val s = " + strings.ReplaceAll(strconv.Quote(text), "$", "\\$") + "\n"
			}, func(text string) string { return "val s = \"\"\"\n" + text + "\n\"\"\"\n" },
		},
	},
	{
		file:   "A.java",
		before: "package p;\nimport a.b;\n",
		declarations: []string{
			"class~A~{^public~static^<T>^Map<^K,^V>^NAME(^final~int~a,^@B(^1^)~String^...b^)^throws~E^{^callee(^1,^2^)^;^}^}\n", "interface~A~{~default~int~NAME^(^)~{~return~x.^callee(^)~+~1;~}~}\n",
			"class~NAME~{^void~f(^)~{~callee()~;~}~}\n", "@B(^c~=~{^1,^2^}^)^enum~A~{^D,^E^(^1^)~{^int~NAME(^int~a^)~{~callee();~return~0;~}~}^;^}\n",
			"record~NAME^<^T^>^(^int~a^)~implements~B^{^static~void~f()^{^callee^(^)^;~}~}\n", "class~A~{~B~b~=~new~B^<^>^(^)~{^int~NAME(^)^{^callee()^;^return~1;^}^}^;~}\n",
		},
		comments: []func(string) string{lines("// "), around("/*", "*/"), around("/** {@code ", "} */")},
		strings: []func(string) string{
			func(text string) string { return "class S {\nString s = " + strconv.Quote(text) + ";\n}\n" }, func(text string) string { return "class S {\nString s = \"\"\"\n" + text + "\n\"\"\";\n}\n" },
		},
	},
	{
		file:   "a.php",
		before: "<p>function before() { callee(); }</p>\n<?php\n",
		declarations: []string{
			"abstract~class~A^{^#[^B(^1^)^]~final~public~static~function~&^NAME(^?int~$a^=^[1],^B|C~&...$b^)^:~?static^{^return~$x?->callee(^$a^)^;^}^}\n",
			"if(^$a^)^{^function~NAME(^)^{^\\N\\callee(^)^;^}^}\n",
			"enum~A:string^{^case~B='b'^;^public~function~NAME(^)^:~never^{^A::callee(^1^,^)^;^}^}\n",
			"final~class~NAME~extends~\\B~implements~C,D^{^use~E^;^function~f(^)^{^new~callee(^)^;^}^}\n",
			"$a~=~new~class(^1^)~extends~B^{^private~function~NAME(^)^{^return~$this->callee(^)^;^}^}^;\n",
		},
		comments: []func(string) string{lines("// "), lines("# "), around("/*", "*/"), around("/** @x\n", "*/")},
		strings: []func(string) string{
			around("$s = <<<'X9'\n", "\nX9;"), around("$s = <<<X9\n\\", "\n  X9;"), around("?>\n", "\n<?php "),
		},
	},
	{
		file: "a.swift",
		declarations: []string{
			"extension~A.B:C~where~D==E^{^@F(^1^)~public~static~func~NAME<T>(^_~a:~[Int]^,^b~c:~T...^=^d^,^e:~@escaping~()~->~Void^)~async~throws~->~(A,~B?)~where~T:C~{^try~await~x?.callee<T>(^a:~1^)^}^}\n",
			"func~NAME(^)^{^return~callee~{^$0^}^}\n",
			"public~final~class~NAME<T:~A>:~B,^C^{^init?(^a:~Int^)~{^self.callee(^)^}^}\n",
			"#if~A\nstruct~B~{^func~f(^)~{^g~{^a~in~func~NAME(^)~{^callee(^)^}^}^}^}\n#endif\n",
		},
		comments: []func(string) string{lines("// "), lines("/// "), around("/*", "*/"), around("/* /*", "*/ */"), around("#if false\n", "\n#endif\n")},
		strings: []func(string) string{
			around("let s = ##\"\"\"\n", "\n\"\"\"##"), around("let s = \"\"\"\n", "\n\"\"\""), func(text string) string { return "let s = " + strconv.Quote(text) + "\n" },
		},
	},
	{
		file: "a.cs",
		declarations: []string{
			"class~A^{^[^B(^1^)^]~public~static~async~Task<int>~NAME<T>(^this~int[]~a,^params~string[]~b^)~where~T~:~C,~new()^{^await~x?.callee<T>(^a^)^;^}^}\n",
			"class~A^{^int~NAME(^int~a^)^=>^callee(^a^)^;^}\n",
			"namespace~N.M^;^record~struct~A(int~B)^{^A~I<A>.NAME(^)^{^return~new~callee(^)^;^}^}\n",
			"class~A^{^void~f(^)^{^x(^)^;^static~T~NAME<T>(^T~t^)~where~T~:~struct^=>^callee(^)^;^}^}\n",
			"public~sealed~class~NAME<T>^:^B<T>^{^C(^)~:~base(^)~{^callee(^)^;^}^}\n",
		},
		comments: []func(string) string{lines("// "), lines("/// "), around("/*", "*/"), around("#if false\n", "\n#endif\n")},
		strings: []func(string) string{
			around("string s = \"\"\"\"\n", "\n\"\"\"\";"), around("var s = $$$$\"\"\"\n", "\n\"\"\";"),
			func(text string) string { return "string s = " + strconv.Quote(text) + ";\n" },
		},
	},
	{
		file: "a.rb",
		declarations: []string{
			"def~NAME(^a,^b~=~{^x:~[^1^]~},^*c,^d:^)\n~~callee(^1^)^\nend\n", "class~NAME~<~A::B\n~~def~self.f~=~callee~1\nend\n", "def~NAME~a,~b~=~1;~callee;~end\n",
			"module~M\n~~class~NAME\n~~def~g\n~~begin;~callee~do~|x|~x~end\n~~end~while~y~if~z\n~~end\nend\nend\n", "private~def~NAME()~=~[^1,^callee(^2^)^]\n",
			"def~self.NAME(^&blk^)\n~~return~x~unless~a\n~~/a#{callee}/.match?~%w[a~b]\nend\n",
		},
		comments: []func(string) string{lines("# "), around("=begin\n", "\n=end")},
		strings: []func(string) string{
			func(text string) string { return "s = " + strconv.Quote(strings.ReplaceAll(text, "#{", "# {")) + "\n" }, around("s = <<~'EOT'.strip, 1\n", "\n  EOT"),
			func(text string) string { return "s = <<EOT\n" + strings.ReplaceAll(text, "#{", "# {") + "\nEOT\n" },
		},
	},
	{
		file: "a.c",
		declarations: []string{
			"static~int~NAME(^int~a,^const~char~*^b,^int~(*c)(^int^),^...)~{^callee(^1^)^;^}\n", "int~NAME(a,^b)\n~int~a;^char~*b;\n{^callee();^}\n",
			"__attribute__((noinline))~struct~s~*NAME~(void)~{~return~callee();~}\n", "struct~NAME~{^int~a;^int~b[3];^};\nvoid~f(void)~{~callee();~}\n",
			"typedef~struct~{^int~a;^}~NAME;\nvoid~f(void)~{~callee();~}\n",
		},
		comments: []func(string) string{lines("// "), around("/*", "*/"), around("#if 0\n", "\n#endif"), around("#if 1\n#else\n", "\n#endif")},
		strings:  []func(string) string{func(text string) string { return "const char *s = " + strconv.Quote(text) + ";\n" }},
	},
	{
		file: "a.cpp",
		declarations: []string{
			"template~<^typename~T,^int~N~=~(3~>~2)^>\nauto~ns::K<T,^N>::NAME(^T~&&a,^int~b~=~f(^1^)^)~const~noexcept~->~std::vector<T>~{^callee(^a^)^;^}\n",
			"namespace~n~{~class~NAME~final~:~public~B<^int^>~{^public:^~void~f()~override~{~callee();~}^};~}\n",
			"K::K(int~a)~:~b_{^a^},~c_(^1^)~{~}\n[[nodiscard]]~bool~NAME()~{~return~callee();~}\n", "struct~K~{~static~constexpr~int~NAME()~{~return~callee();~}~};\n",
			"int~NAME()~try~{~callee();~}~catch~(...)~{~f();~}\n",
		},
		comments: []func(string) string{lines("// "), around("/*", "*/"), around("#if 0\n", "\n#endif")},
		strings:  []func(string) string{func(text string) string { return "auto s = " + strconv.Quote(text) + ";\n" }, around(`auto s = R"x(`, `)x";`)},
	},
	{
		file: "a.rs",
		declarations: []string{
			"pub(crate)~async~fn~NAME<^'a,~T:~A<B>^,^const~N:~usize^>(^&self,^mut~a:~&'a~[T;~N],^(b,~c):~(u8,~u8)^,)~->~Result<Vec<T>,~E>\nwhere^T:~C,^{^callee(^1,^2^)?^;^}\n",
			"#[a(^b~=~1^)]\nimpl<T>~I<T>~for~S<T>~where~T:~C~{^#[inline]^fn~NAME(self)~->~u8~{~x.callee::<u8>(^)~}^}\n",
			"pub~mod~m~{^trait~A^{^fn~NAME(&self)^{^callee(^)^;^}^}^}\n", "#[derive(A,~B)]\npub~struct~NAME<'a>~{^a:~&'a~str,^}\nfn~f()~{~callee();~}\n",
			"fn~f()~{~let~c~=~'{';~fn~NAME()~{~callee()~}~}\n",
		},
		comments: []func(string) string{lines("// "), lines("/// "), around("/*", "*/"), around("/* /*", "*/ */")},
		strings: []func(string) string{
			around("const S: &str = r##\"", "\"##;"), around("macro_rules! m { () => {", "} }"), func(text string) string { return "const S: &str = " + strconv.Quote(text) + ";\n" },
		},
	},
	{
		file: "a.sh",
		declarations: []string{
			"NAME~()~{\n^callee~1~\"$2\"^\n}\n", "function~NAME~{~callee;~}\n", "NAME()\n^(~if~a;~then~x=$(callee);~fi~)\n", "function~NAME()~{\n~~case~$1~in\n~~a)~callee~;;\n~~esac\n}~>&2\n",
			"a()~{~NAME()~{~b~|~callee~&&~c;~};~}\n",
		},
		comments: []func(string) string{lines("# ")},
		strings: []func(string) string{
			func(text string) string { return "s='" + strings.ReplaceAll(text, "'", "_") + "'\n" }, around("cat <<'EOT' | a\n", "\nEOT"),
			func(text string) string { return "s=$'" + strings.ReplaceAll(text, "'", "_") + "'\n" },
			func(text string) string {
				return "cat <<-EOT\n" + strings.NewReplacer("$(", "$ (", "`", "_").Replace(text) + "\n\tEOT\n"
			},
		},
	},
	{
		file: "a.sql",
		declarations: []string{
			"CREATE~OR~REPLACE~FUNCTION~NAME(^a~int,^b~text~DEFAULT~'x'^)^\nRETURNS~int~AS~$$^\nBEGIN~PERFORM~s.callee(^a^);~END;^\n$$~LANGUAGE~plpgsql;\n", "create~table~if~not~exists~s.NAME(^a~int~default~callee()^);\n",
			"CREATE~PROCEDURE~NAME~@a~int,~@b~int~AS~BEGIN~IF~@a~=~1~BEGIN~EXEC~callee~@b~END~END\nGO\n", "CREATE~FUNCTION~\"NAME\"()~RETURNS~int~BEGIN~ATOMIC^\nSELECT~callee(1);^\nEND;\n",
			"CREATE~VIEW~NAME~AS~SELECT~callee(^1^);\n",
		},
		comments: []func(string) string{lines("-- "), around("/*", "*/"), around("/* /*", "*/ */")},
		strings: []func(string) string{
			func(text string) string { return "SELECT '" + strings.ReplaceAll(text, "'", "''") + "';\n" }, around("SELECT $EOT$", "$EOT$;"),
			func(text string) string {
				return "SELECT E'" + strings.NewReplacer("'", "\\'", "\\", "\\\\").Replace(text) + "';\n"
			},
		},
	},
}

// laidOut fills the marks of a declaration with drawn blanks, the same for each kind of run so that indentation stays whole.
func laidOut(t *rapid.T, declaration, name string) string {
	blank := rapid.SampledFrom([]string{" ", "\t", "  ", " \t "}).Draw(t, "blank")
	free := rapid.SliceOfN(rapid.SampledFrom([]string{"", " ", "\t", "\n", "\n\n\t", "  \n"}), 1, 8).Draw(t, "free")
	var b strings.Builder
	n := 0
	for _, r := range strings.ReplaceAll(declaration, "NAME", name) {
		switch r {
		case '~':
			b.WriteString(blank)
		case '^':
			b.WriteString(free[n%len(free)])
			n++
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func hasCall(f *File, name string) bool {
	for _, c := range f.Calls {
		if c.Name == name || strings.HasSuffix(c.Name, "."+name) {
			return true
		}
	}
	return false
}

var names = rapid.StringMatching(`[a-zA-Z][a-zA-Z0-9_]{0,12}x9`) // never a keyword

// However a declaration is laid out, with line ends of either kind and a byte order mark or none, it is found with its call.
func TestReformattedItStays(t *testing.T) {
	for _, d := range dialects {
		for _, declaration := range d.declarations {
			rapid.Check(t, func(t *rapid.T) {
				name := names.Draw(t, "name")
				text := d.before + laidOut(t, declaration, name)
				if rapid.Bool().Draw(t, "carriage returns") {
					text = strings.ReplaceAll(text, "\n", "\r\n")
				}
				if rapid.Bool().Draw(t, "byte order mark") {
					text = "\ufeff" + text
				}
				f, err := Parse(d.file, []byte(text))
				if err != nil {
					t.Fatalf("%q: %v", text, err)
				}
				found := f.Lookup(name)
				if len(found) != 1 || !hasCall(f, "callee") {
					t.Fatalf("%q: %d declarations, calls %v", text, len(found), f.Calls)
				}
				if found[0].Kind == Function && !hasCallIn(f, found[0].Body) {
					t.Fatalf("%q: the call is not in the body %q", text, f.part(found[0].Body))
				}
				if !strings.Contains(f.part(found[0].Span), name) {
					t.Fatalf("%q: the declaration is %q", text, f.part(found[0].Span))
				}
			})
		}
	}
}

func hasCallIn(f *File, s Span) bool {
	for _, c := range f.Within(s) {
		if strings.HasSuffix(c.Name, "callee") {
			return true
		}
	}
	return false
}

// Put into a comment or a string it is gone.
func TestWrappedItVanishes(t *testing.T) {
	for _, d := range dialects {
		for i, wrap := range append(append([]func(string) string{}, d.comments...), d.strings...) {
			rapid.Check(t, func(t *rapid.T) {
				name := names.Draw(t, "name")
				inner := laidOut(t, rapid.SampledFrom(d.declarations).Draw(t, "declaration"), name)
				text := d.before + wrap(inner)
				if rapid.Bool().Draw(t, "carriage returns") {
					text = strings.ReplaceAll(text, "\n", "\r\n")
				}
				f, err := Parse(d.file, []byte(text))
				if err != nil {
					t.Fatalf("%q: %v", text, err)
				}
				if len(f.Lookup(name)) != 0 || hasCall(f, "callee") {
					t.Fatalf("%q: found %v and calls %v", text, f.Decls, f.Calls)
				}
				commented := i < len(d.comments)
				if strings.Contains(string(f.Code()), name) == commented {
					t.Fatalf("%q: the code is %q", text, f.Code())
				}
			})
		}
	}
}
