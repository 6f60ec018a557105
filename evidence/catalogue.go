// Package evidence holds the rules of evidence: the catalogue of assertion types, what makes an assertion well-formed,
// coherent and sufficient, the verification status that follows from results, the Tier 2 prompts, and the wire types that the
// server and the verifier exchange. It is pure: no I/O, no clock.
package evidence

import (
	"fmt"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/threat"
)

// Type names a kind of claim: "function_exists". Schemas show it as any text: the list of types is long, is asked for when it is needed
// (get_assertion_types), and a wrong name is answered with the nearest one.
type Type string

// The assertion types for software (specification §7.1).
const (
	FunctionExists       Type = "function_exists"
	ClassExists          Type = "class_exists"
	DecoratorPresent     Type = "decorator_present"
	FunctionCalls        Type = "function_calls"
	ParameterValidated   Type = "parameter_validated"
	ImportPresent        Type = "import_present"
	ErrorHandled         Type = "error_handled"
	MiddlewareRegistered Type = "middleware_registered"
	HTTPHeaderSet        Type = "http_header_set"
	PatternMatches       Type = "pattern_matches"
	PatternAbsent        Type = "pattern_absent"
	NoPlaintextSecret    Type = "no_plaintext_secret"
	FileExists           Type = "file_exists"
	FileHash             Type = "file_hash"
	ConfigKeyExists      Type = "config_key_exists"
	ConfigValueMatches   Type = "config_value_matches"
	EnvVarReferenced     Type = "env_var_referenced"
	DependencyExists     Type = "dependency_exists"
	DependencyVersion    Type = "dependency_version"
	TestExists           Type = "test_exists"
	TestPasses           Type = "test_passes"
)

// The assertion types for hardware, about Verilog and SystemVerilog.
const (
	ModuleExists        Type = "module_exists"
	ModuleInstantiated  Type = "module_instantiated"
	PortExists          Type = "port_exists"
	ParameterDefined    Type = "parameter_defined"
	SignalExists        Type = "signal_exists"
	SVAAssertionPresent Type = "sva_assertion_present"
	RegisterReset       Type = "register_reset"
)

// Form is what a parameter's value looks like; it decides how the value is checked.
type Form string

// The forms.
const (
	Path      Form = "path"       // a slash-separated path from the repository root
	Name      Form = "name"       // one line of text
	Pattern   Form = "pattern"    // an RE2 regular expression
	Patterns  Form = "patterns"   // a list of them
	Text      Form = "text"       // any text, line ends included
	Flag      Form = "flag"       // true or false
	Selector  Form = "selector"   // a glob over test files, or an RE2 regular expression over test names
	Digest    Form = "digest"     // lower-case hexadecimal
	DigestAlg Form = "digest_alg" // sha256, sha384 or sha512
)

// Param describes one parameter of a type.
type Param struct {
	Name     string `json:"name"`
	Form     Form   `json:"form"`
	Optional bool   `json:"optional,omitempty"`
	About    string `json:"about"` // what to put there, in a few words
}

// Spec is the entry of one type in the catalogue. Tool schemas, the server's validation, the verifier and the documentation all
// read it.
type Spec struct {
	Type    Type               `json:"type"`
	About   string             `json:"about"`            // what a pass means
	Params  []Param            `json:"params"`           // the required ones first
	Kinds   []threat.FacetKind `json:"proves"`           // the facet kinds it proves
	Judged  []threat.FacetKind `json:"judged,omitempty"` // kinds it is coherent with, where Tier 2 alone decides whether it proves them
	Example Params             `json:"example"`
	Code    bool               `json:"-"` // needs a file of a language that the verifier parses
}

func need(name string, form Form, about string) Param {
	return Param{Name: name, Form: form, About: about}
}

func may(name string, form Form, about string) Param {
	return Param{Name: name, Form: form, Optional: true, About: about}
}

var (
	file      = need("file", Path, "source file")
	scopes    = []Param{may("scope_start", Pattern, "first line of the part to look at"), may("scope_end", Pattern, "last line of that part")}
	regexMode = []Param{may("multiline", Flag, "^ and $ match at line ends"), may("dotall", Flag, ". matches line ends")}
)

// catalogue is the one value that all of it is read from, in the order of the specification.
var catalogue = []Spec{
	{
		Type: FunctionExists, Code: true, About: "the file defines the function or method",
		Params:  []Param{file, need("name", Name, "function, or Owner.method")},
		Kinds:   []threat.FacetKind{threat.StructureFacet},
		Judged:  []threat.FacetKind{threat.BehaviourFacet},
		Example: Params{"file": "auth/key.go", "name": "CheckKey"},
	},
	{
		Type: ClassExists, Code: true, About: "the file defines the class, struct, interface or type",
		Params:  []Param{file, need("name", Name, "class or type")},
		Kinds:   []threat.FacetKind{threat.StructureFacet},
		Example: Params{"file": "app/models.py", "name": "ApiKey"},
	},
	{
		Type: DecoratorPresent, Code: true, About: "the function or class carries the decorator, annotation or attribute",
		Params:  []Param{file, need("function", Name, "function, Owner.method or class"), need("decorator", Name, "without @ and arguments")},
		Kinds:   []threat.FacetKind{threat.StructureFacet},
		Judged:  []threat.FacetKind{threat.BehaviourFacet},
		Example: Params{"file": "app/views.py", "function": "delete_user", "decorator": "login_required"},
	},
	{
		Type: FunctionCalls, Code: true, About: "the body of the caller calls the callee",
		Params:  []Param{file, need("caller", Name, "function or Owner.method"), need("callee", Name, "called name, such as hmac.Equal")},
		Kinds:   []threat.FacetKind{threat.BehaviourFacet},
		Example: Params{"file": "auth/key.go", "caller": "CheckKey", "callee": "subtle.ConstantTimeCompare"},
	},
	{
		Type: ParameterValidated, Code: true, About: "the function checks the parameter before it uses it",
		Params:  []Param{file, need("function", Name, "function or Owner.method"), need("parameter", Name, "its parameter")},
		Kinds:   []threat.FacetKind{threat.BehaviourFacet},
		Example: Params{"file": "src/transfer.ts", "function": "transfer", "parameter": "amount"},
	},
	{
		Type: ImportPresent, Code: true, About: "the file imports the module",
		Params:  []Param{file, need("module", Name, "module as the import names it")},
		Kinds:   []threat.FacetKind{threat.StructureFacet, threat.DependencyFacet},
		Example: Params{"file": "src/app.js", "module": "helmet"},
	},
	{
		Type: ErrorHandled, Code: true, About: "the function handles errors instead of dropping them",
		Params:  []Param{file, need("function", Name, "function or Owner.method")},
		Kinds:   []threat.FacetKind{threat.BehaviourFacet},
		Example: Params{"file": "store/open.go", "function": "Open"},
	},
	{
		Type: MiddlewareRegistered, Code: true, About: "the file registers the middleware with the router or application",
		Params:  []Param{file, need("middleware", Name, "name of what is registered")},
		Kinds:   []threat.FacetKind{threat.BehaviourFacet, threat.ConfigurationFacet},
		Example: Params{"file": "src/app.js", "middleware": "helmet"},
	},
	{
		Type: HTTPHeaderSet, Code: true, About: "the file sets the response header",
		Params:  []Param{file, need("header", Name, "header name"), may("value", Pattern, "what its value matches")},
		Kinds:   []threat.FacetKind{threat.BehaviourFacet, threat.ConfigurationFacet},
		Example: Params{"file": "src/app.js", "header": "Strict-Transport-Security", "value": "max-age=\\d{8}"},
	},
	{
		Type: PatternMatches, About: "the code matches the pattern; in a language the verifier parses, a match in a comment does not count",
		Params:  slices.Concat([]Param{file, need("pattern", Pattern, "what to find")}, scopes, regexMode),
		Kinds:   []threat.FacetKind{threat.StructureFacet, threat.ConfigurationFacet},
		Example: Params{"file": "Dockerfile", "pattern": "(?m)^USER \\w+$"},
	},
	{
		Type: PatternAbsent, About: "nothing in the file, comments included, matches the pattern",
		Params: slices.Concat([]Param{
			file, need("pattern", Pattern, "what must not be there"), need("witness", Text, "a text that the pattern matches"),
		}, scopes, regexMode),
		Kinds:   []threat.FacetKind{threat.AbsenceFacet},
		Example: Params{"file": "client/http.py", "pattern": "verify\\s*=\\s*False", "witness": "verify = False"},
	},
	{
		Type: NoPlaintextSecret, About: "the file holds no credential, by the builtin rules or by patterns of your own",
		Params:  []Param{need("file", Path, "file to look through"), may("patterns", Patterns, "instead of the builtin rules")},
		Kinds:   []threat.FacetKind{threat.AbsenceFacet},
		Example: Params{"file": "deploy/values.yaml"},
	},
	{
		Type: FileExists, About: "the file is there and not empty",
		Params:  []Param{need("file", Path, "the file")},
		Kinds:   []threat.FacetKind{threat.StructureFacet},
		Example: Params{"file": "SECURITY.md"},
	},
	{
		Type: FileHash, About: "the file, or the part between two patterns, has the digest",
		Params: slices.Concat([]Param{
			need("file", Path, "the file"), need("algorithm", DigestAlg, "sha256, sha384 or sha512"),
			need("expected_hash", Digest, "hexadecimal"), may("scope_file", Path, "file to hash a part of, when it is another"),
		}, scopes),
		Kinds: []threat.FacetKind{threat.IntegrityFacet},
		Example: Params{
			"file": "policy/authz.rego", "algorithm": "sha256",
			"expected_hash": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		},
	},
	{
		Type: ConfigKeyExists, About: "the configuration file sets the key",
		Params:  []Param{need("file", Path, "JSON, YAML, TOML, INI, .env, properties or XML"), need("key", Name, "dotted path, such as server.tls[0].cert")},
		Kinds:   []threat.FacetKind{threat.ConfigurationFacet},
		Example: Params{"file": "config/prod.yaml", "key": "session.cookie.secure"},
	},
	{
		Type: ConfigValueMatches, About: "the value of the key matches the pattern as a whole",
		Params: []Param{
			need("file", Path, "JSON, YAML, TOML, INI, .env, properties or XML"), need("key", Name, "dotted path"),
			need("pattern", Pattern, "what the whole value matches"),
		},
		Kinds:   []threat.FacetKind{threat.ConfigurationFacet},
		Example: Params{"file": "config/prod.yaml", "key": "session.cookie.secure", "pattern": "true"},
	},
	{
		Type: EnvVarReferenced, Code: true, About: "the code reads the environment variable",
		Params:  []Param{file, need("variable", Name, "its name")},
		Kinds:   []threat.FacetKind{threat.ConfigurationFacet},
		Example: Params{"file": "src/config.ts", "variable": "DATABASE_URL"},
	},
	{
		Type: DependencyExists, About: "the manifest or lock file names the package",
		Params:  []Param{need("manifest", Path, "manifest or lock file"), need("package", Name, "as the ecosystem names it")},
		Kinds:   []threat.FacetKind{threat.DependencyFacet},
		Example: Params{"manifest": "package.json", "package": "helmet"},
	},
	{
		Type: DependencyVersion, About: "every version of the package that can be installed meets the constraint",
		Params: []Param{
			need("manifest", Path, "manifest or lock file"), need("package", Name, "as the ecosystem names it"),
			need("constraint", Name, "in the ecosystem's own words, such as >=4.1.0"),
		},
		Kinds:   []threat.FacetKind{threat.DependencyFacet},
		Example: Params{"manifest": "go.mod", "package": "golang.org/x/crypto", "constraint": ">=0.31.0"},
	},
	{
		Type: TestExists, About: "the tests are defined and not skipped",
		Params: []Param{
			need("pattern", Selector, "glob over test files (auth/*_test.go), or a pattern of test names (TestLogin)"),
			may("name", Name, "the one test, when pattern is a glob"),
		},
		Kinds:   []threat.FacetKind{threat.TestFacet},
		Example: Params{"pattern": "auth/*_test.go", "name": "TestCheckKey"},
	},
	{
		Type: TestPasses, About: "the tests ran and passed, by a test report",
		Params: []Param{
			need("pattern", Selector, "glob over test files, or a pattern of test names"),
			may("name", Name, "the one test, when pattern is a glob"),
			may("report", Path, "JUnit XML or go test -json report, not tracked by git"),
		},
		Kinds:   []threat.FacetKind{threat.TestFacet, threat.BehaviourFacet},
		Example: Params{"pattern": "TestCheckKey", "report": "report.xml"},
	},
	{
		Type: ModuleExists, Code: true, About: "the Verilog or SystemVerilog file defines the module",
		Params:  []Param{file, need("name", Name, "module")},
		Kinds:   []threat.FacetKind{threat.StructureFacet},
		Example: Params{"file": "rtl/lock.sv", "name": "debug_lock"},
	},
	{
		Type: ModuleInstantiated, Code: true, About: "the parent module instantiates the child, or has it bound by name",
		Params:  []Param{file, need("parent", Name, "module that holds it"), need("child", Name, "module, not the name of the instance")},
		Kinds:   []threat.FacetKind{threat.StructureFacet},
		Example: Params{"file": "rtl/soc.sv", "parent": "soc_top", "child": "debug_lock"},
	},
	{
		Type: PortExists, Code: true, About: "the module has the port, with the direction when one is given",
		Params:  []Param{file, need("module", Name, "module, interface or program"), need("port", Name, "its port"), may("direction", Name, "input, output, inout, ref or interface")},
		Kinds:   []threat.FacetKind{threat.StructureFacet},
		Example: Params{"file": "rtl/lock.sv", "module": "debug_lock", "port": "unlock_i", "direction": "input"},
	},
	{
		Type: ParameterDefined, Code: true, About: "the parameter or localparam is defined; each definition matches the pattern",
		Params: []Param{
			file, need("parameter", Name, "its name; macros are none"), may("module", Name, "module, interface, package or class"),
			may("pattern", Pattern, "what the whole value matches, as written"),
		},
		Kinds:   []threat.FacetKind{threat.ConfigurationFacet},
		Example: Params{"file": "rtl/lock.sv", "parameter": "KEY_BITS", "module": "debug_lock", "pattern": "128|256"},
	},
	{
		Type: SignalExists, Code: true, About: "the net, variable or port is declared, of the kind when one is given",
		Params: []Param{
			file, need("name", Name, "signal"), may("module", Name, "module, interface or package"),
			may("kind", Name, "wire, reg, logic, enum, genvar, or the name of its type"),
		},
		Kinds:   []threat.FacetKind{threat.StructureFacet},
		Example: Params{"file": "rtl/lock.sv", "name": "locked_q", "module": "debug_lock", "kind": "logic"},
	},
	{
		Type: SVAAssertionPresent, Code: true, About: "an assert statement carries the label or asserts the property; assume and cover do not count",
		Params:  []Param{file, need("name", Name, "label, or property asserted by name")},
		Kinds:   []threat.FacetKind{threat.BehaviourFacet, threat.TestFacet},
		Example: Params{"file": "rtl/lock_sva.sv", "name": "locked_after_reset"},
	},
	{
		Type: RegisterReset, Code: true, About: "whenever the reset is active, an always block sets the register to a constant",
		Params:  []Param{file, need("signal", Name, "register as it is assigned"), may("reset", Name, "reset as it is tested; needed when it is not called like one")},
		Kinds:   []threat.FacetKind{threat.BehaviourFacet},
		Example: Params{"file": "rtl/lock.sv", "signal": "locked_q", "reset": "rst_ni"},
	},
}

var byType = func() map[Type]*Spec {
	out := make(map[Type]*Spec, len(catalogue))
	for i := range catalogue {
		out[catalogue[i].Type] = &catalogue[i]
	}
	return out
}()

// Specs returns the catalogue in the order of the specification. It is shared: nobody writes into it.
func Specs() []Spec { return catalogue }

// Types lists the assertion types in the order of the catalogue.
func Types() []Type {
	out := make([]Type, len(catalogue))
	for i := range catalogue {
		out[i] = catalogue[i].Type
	}
	return out
}

// Lookup returns the entry of a type. Errors: [threat.Invalid], which names the nearest type.
func Lookup(t Type) (*Spec, error) {
	if s, ok := byType[t]; ok {
		return s, nil
	}
	e := threat.Errorf(threat.Invalid, "there is no assertion type %q", threat.Clip(string(t), 40)).In("type")
	if near := nearest(string(t)); near != "" {
		return nil, e.Hinted("did you mean %s? get_assertion_types lists them", near)
	}
	return nil, e.Hinted("get_assertion_types lists them")
}

// nearest returns the type whose words a wrong name shares most, or "".
func nearest(wrong string) Type {
	var best Type
	most := 0
	words := strings.FieldsFunc(strings.ToLower(wrong), func(r rune) bool { return r == '_' || r == '-' || r == ' ' })
	for _, t := range Types() {
		shared := 0
		for _, w := range strings.Split(string(t), "_") {
			if slices.ContainsFunc(words, func(x string) bool { return x == w || len(x) > 3 && strings.HasPrefix(w, x) }) {
				shared++
			}
		}
		if shared > most {
			best, most = t, shared
		}
	}
	return best
}

// Meets reports whether the type is coherent with a facet of the kind.
func (s *Spec) Meets(kind threat.FacetKind) bool {
	return slices.Contains(s.Kinds, kind) || slices.Contains(s.Judged, kind)
}

// AllKinds lists the facet kinds that the type is coherent with.
func (s *Spec) AllKinds() []threat.FacetKind { return slices.Concat(s.Kinds, s.Judged) }

// Param returns a parameter of the type, or nil.
func (s *Spec) Param(name string) *Param {
	for i := range s.Params {
		if s.Params[i].Name == name {
			return &s.Params[i]
		}
	}
	return nil
}

// Usage is the call of a type in one line: "function_exists(file, name)"; optional parameters are in brackets.
func (s *Spec) Usage() string {
	names := make([]string, len(s.Params))
	for i, p := range s.Params {
		names[i] = p.Name
		if p.Optional {
			names[i] = "[" + p.Name + "]"
		}
	}
	return fmt.Sprintf("%s(%s)", s.Type, strings.Join(names, ", "))
}

// Proving lists the types that prove a facet kind: those of Kinds first, then those where Tier 2 decides. For no kind, which every type
// proves, the list is empty.
func Proving(kind threat.FacetKind) []Type {
	sure, judged := []Type{}, []Type{}
	for i := range catalogue {
		switch s := &catalogue[i]; {
		case slices.Contains(s.Kinds, kind):
			sure = append(sure, s.Type)
		case slices.Contains(s.Judged, kind):
			judged = append(judged, s.Type)
		}
	}
	return append(sure, judged...)
}
