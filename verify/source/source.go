// Package source turns a source file into facts: declarations, calls, imports, strings, and what the checks ask for beyond
// them (handled errors, headers set, middleware registered, environment read, tests). Facts are computed once for a file; a
// check is a query over them. The package reads no files and knows no assertions.
//
// A language is one file that registers itself with its extensions. What a recogniser does not understand is left out of the
// facts: an absent fact fails a check, and a made-up one would pass it.
package source

// Language is a programming language that the package parses.
type Language string

// The languages.
const (
	Go            Language = "go"
	Python        Language = "python"
	JavaScript    Language = "javascript"    // .js, .mjs, .cjs, .jsx
	TypeScript    Language = "typescript"    // .ts, .mts, .cts, .tsx
	Java          Language = "java"          // .java
	Kotlin        Language = "kotlin"        // .kt, .kts
	Scala         Language = "scala"         // .scala, .sc
	CSharp        Language = "csharp"        // .cs
	Swift         Language = "swift"         // .swift
	Rust          Language = "rust"          // .rs
	C             Language = "c"             // .c, .h
	CPP           Language = "cpp"           // .cc, .cpp, .cxx, .hh, .hpp, .hxx, .ipp, .inl
	PHP           Language = "php"           // .php, .phtml
	Ruby          Language = "ruby"          // .rb, .rake, .ru, .gemspec
	Shell         Language = "shell"         // .sh, .bash, .ksh, and run blocks of workflows (.yml, .yaml)
	SQL           Language = "sql"           // .sql
	SystemVerilog Language = "systemverilog" // .v, .vh, .sv, .svh: Verilog too
)

// Span is a range of bytes of the text; End is exclusive.
type Span struct{ Start, End int }

// Empty reports whether the span holds nothing: a declaration without a body has an empty body.
func (s Span) Empty() bool { return s.End <= s.Start }

// Holds reports whether the offset lies within.
func (s Span) Holds(offset int) bool { return s.Start <= offset && offset < s.End }

// Contains reports whether t lies wholly within.
func (s Span) Contains(t Span) bool { return s.Start <= t.Start && t.End <= s.End }

// File holds the facts of one file. Lists are in the order of the text. Offsets are into Text.
type File struct {
	Language Language
	Text     []byte // as given: byte order mark and line ends kept
	Decls    []Decl
	Calls    []Call // everywhere in the file; Within cuts
	Imports  []Import
	Strings  []String
	Comments []Span // comments and docstrings; compiler directives ("//go:embed", "#!/bin/sh") are code
	Handlers []Handler
	Env      []Reference // environment variables read
	Headers  []Header    // HTTP headers set
	Middle   []Reference // middleware registered
	Tests    []Test
	Hardware Hardware // of Verilog

	name        string  // as given to Parse: the name of a file says whether its tests are run
	lines       []int   // offsets at which lines start
	conditions  []Span  // where a value decides something: conditions, subjects of a switch, guards, assertions
	comparisons []Span  // operands of a comparison outside of them; a call that is handed the value there does not count
	labels      []int   // offsets of words that name a key, field or keyword argument instead of a value, ascending
	scopes      []scope // functions without a declaration that bind names of their own: lambdas, function literals
	quoted      []Span  // the string literals that are not within another one, ascending
	work        int     // bytes and tokens looked at, so that tests can tell that effort grows with the text and not faster
}

// scope is a part of the text in which the names mean something else than around it.
type scope struct {
	span  Span
	names []string
}

// Kind is what a declaration declares.
type Kind string

// The kinds.
const (
	Function  Kind = "function"  // with a body of statements; a method when it has an owner
	Class     Kind = "class"     // class, struct, record, enum: what can be made an instance of
	Interface Kind = "interface" // interface, protocol, trait
	Type      Kind = "type"      // any other named type
)

// Decl is a declaration: not a call, not a mention, not a forward reference in a comment.
type Decl struct {
	Kind       Kind
	Name       string // "Handle"; "constructor" or "__init__" as the language names it
	Owner      string // what it is a member of: receiver type, class, object; "Outer.Inner" when nested; "" at top level
	Params     []Param
	Decorators []Decorator
	Span       Span // whole, decorators included
	Body       Span // within the braces or the indented block; empty for one without (interface method, overload signature)
	Line       int  // of the name, from 1
}

// Qualified returns "Owner.Name", or the name alone.
func (d *Decl) Qualified() string {
	if d.Owner == "" {
		return d.Name
	}
	return d.Owner + "." + d.Name
}

// Param is a parameter of a function. A destructured one ({a, b}) is one Param for each name that it binds.
type Param struct {
	Name string // without sigils: "args" for *args, ...args
	Type string // as written, blanks folded; "" without one
	Span Span   // with its type, default and decorators
}

// Decorator is a decorator, annotation or attribute of a declaration.
type Decorator struct {
	Name string // "app.route": without "@", brackets and arguments
	Text string // as written, with arguments
	Line int
}

// Call is a call or a construction.
type Call struct {
	Name string // dotted as written, blanks removed: "s.db.Query"; "new" is left out; a call on a call is "?.then"
	Span Span   // from the name to the closing bracket
	Args []Span // of each argument, blanks trimmed
	Line int    // of the name
}

// Import is one imported module.
type Import struct {
	Module string // as written between the quotes, or dotted: "net/http", "express", "os.path"; "..pkg" when relative
	Names  []string
	Alias  string
	Line   int
}

// String is a string literal. A template with parts to fill in has them as written in its value ("${x}", "{x}").
type String struct {
	Value string // unquoted, escapes decoded where they are understood
	Span  Span   // with the quotes
	Line  int
}

// Handler is a place where an error is handled: more than named, ignored or thrown on unseen.
type Handler struct {
	How  string // "if err != nil", "except ValueError", "catch"
	Span Span   // of the whole construct
	Line int
}

// Reference is a name in a place that gives it its meaning.
type Reference struct {
	Name string // "DATABASE_URL"; for middleware the dotted name registered: "helmet", "auth.Required"
	Line int
}

// Header is an HTTP header that the code sets.
type Header struct {
	Name  string // as written
	Value string // literal value; "" when Known is false
	Known bool   // the value is a literal
	Line  int
}

// Test is one test that the file defines.
type Test struct {
	Name string // "TestLogin", "TestLogin/expired", "test_login", "LoginTest.test_login", "login › refuses an expired token"
	Line int
}
