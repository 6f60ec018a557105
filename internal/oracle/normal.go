package main

import (
	"path"
	"strings"
)

// What is compared are functions (methods and constructors too) and types (classes, interfaces, enums, …). The judges and
// verify/source divide the world in different ways; the tables say what of each is which. What only one side counts among the
// declarations, such as C's prototypes and macros, is "maybe": it need not be found, and finding it is no slip. The queries of
// tree-sitter (treesitter/*.scm) are the other half of the table, with the captures @function, @type, @function_maybe and
// @type_maybe.

// The kinds that are compared.
const (
	function = "function"
	typ      = "type"
)

// ctagsNormal says which kinds of Universal Ctags are compared as what.
type ctagsNormal struct {
	language  string // as ctags names it
	functions string // kinds, blank-separated
	types     string
	maybe     string // of either kind
	extra     string // option that enables kinds that are off
}

var ctagsNormals = map[string]ctagsNormal{
	"go":         {language: "Go", functions: "func methodSpec", types: "struct interface type talias"},
	"python":     {language: "Python", functions: "function member", types: "class"},
	"javascript": {language: "JavaScript", functions: "function method getter setter generator", types: "class"},
	"typescript": {language: "TypeScript", functions: "function method generator", types: "class interface alias enum"},
	"java":       {language: "Java", functions: "method", types: "class interface enum annotation"},
	"kotlin":     {language: "Kotlin", functions: "method", types: "class interface object typealias"},
	// Accessors of properties have statements, yet no name of their own.
	"csharp": {language: "C#", functions: "method", types: "class interface struct enum", maybe: "property event"},
	// A macro is no function that a reader looks for under its name with "fn".
	"rust": {language: "Rust", functions: "function method", types: "struct interface enum typedef", maybe: "macro"},
	// A prototype and a macro have no body; whether they declare a function is a matter of taste.
	"c":     {language: "C", functions: "function", types: "struct union enum typedef", maybe: "prototype macro", extra: "--kinds-C=+p"},
	"cpp":   {language: "C++", functions: "function", types: "class struct union enum typedef", maybe: "prototype macro alias", extra: "--kinds-C++=+pA"},
	"php":   {language: "PHP", functions: "function", types: "class interface trait"},
	"ruby":  {language: "Ruby", functions: "method singletonMethod", types: "class module", maybe: "accessor alias constant"},
	"shell": {language: "Sh", functions: "function"},
	"sql": {
		language: "SQL", functions: "function procedure", types: "table view",
		maybe: "trigger domain package event subtype index service publication",
	},
	"systemverilog": {
		language: "SystemVerilog", functions: "function task", types: "module interface package program class checker ifclass",
		maybe: "prototype typedef struct enum", extra: "--kinds-SystemVerilog=+Q",
	},
}

// grammar is a grammar of tree-sitter.
type grammar struct {
	npm    string // package
	folder string // of parser.c in it
	symbol string
	query  string // file of treesitter/
}

// grammarOf returns the grammar that reads a file of a language.
func grammarOf(language, name string) grammar {
	at := func(npm, folder, symbol string) grammar {
		return grammar{npm, folder, "tree_sitter_" + symbol, language + ".scm"}
	}
	switch language {
	case "typescript":
		if strings.EqualFold(path.Ext(name), ".tsx") {
			return at("tree-sitter-typescript", "tsx/src", "tsx")
		}
		return at("tree-sitter-typescript", "typescript/src", "typescript")
	case "kotlin":
		return at("@tree-sitter-grammars/tree-sitter-kotlin", "src", "kotlin")
	case "csharp":
		return at("tree-sitter-c-sharp", "src", "c_sharp")
	case "php":
		return at("tree-sitter-php", "php/src", "php")
	case "shell":
		return at("tree-sitter-bash", "src", "bash")
	case "sql":
		return at("@derekstride/tree-sitter-sql", "src", "sql")
	}
	return at("tree-sitter-"+language, "src", language)
}

// fold brings a name into the form in which the three readers are compared.
func fold(language, name string) string {
	name = strings.Join(strings.Fields(name), "") // "operator ==" and "operator=="
	switch language {
	case "javascript", "typescript":
		name = strings.Trim(name, `"'`+"`") // keys in quotes
	case "sql":
		name = strings.ToLower(strings.ReplaceAll(name, `"`, "")) // names are of either case
		if i := strings.LastIndexByte(name, '.'); i >= 0 {        // the schema is no part of the name
			name = name[i+1:]
		}
	case "kotlin", "scala", "swift":
		name = strings.Trim(name, "`")
	case "rust":
		name = strings.TrimPrefix(name, "r#")
	case "systemverilog":
		name = strings.TrimPrefix(name, `\`)
		if i := strings.LastIndex(name, "::"); i >= 0 {
			name = name[i+2:]
		}
	}
	return name
}
