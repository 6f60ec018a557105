package source

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// language is what the package knows about one language.
type language struct {
	name       Language
	extensions []string // with the dot, lower case

	// parse fills the facts of f from f.Text, in any order; Parse sorts them. It returns a *SyntaxError where the text is such
	// that the facts could not be trusted.
	parse func(f *File) error

	// declared tells whether the declaration itself validates a parameter, by its type, its default or a decorator. Nil when
	// declarations of the language never do.
	declared func(f *File, d *Decl, p *Param) (line int, how string, ok bool)

	// tokens cuts the text into its tokens, comments included; what lies between them is blank. Nil where the language has a
	// parser that is not ours to test.
	tokens func(text []byte) ([]Span, error)

	// holds tells further files of the language by their whole path: those whose extension says too little. Nil when there are none.
	holds func(name string) bool
}

// languages is the table of what is understood.
var languages = []*language{
	&golang,
	&python,
	&javascript,
	&typescript,
	&taggedTypescript,
	&java,
	&kotlin,
	&scala,
	&csharp,
	&php,
	&swift,
	&verilog,
	&ruby,
	&clang,
	&cplusplus,
	&rust,
	&shell,
	&sql,
}

// ErrUnsupported is the error for a file in a language that the package does not parse.
var ErrUnsupported = errors.New("unsupported language")

// SyntaxError tells why the facts of a text could not be trusted.
type SyntaxError struct {
	Line    int // from 1
	Message string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Message) }

// LanguageOf returns the language of a file by the extension of its name, and whether it is known.
func LanguageOf(name string) (Language, bool) {
	l := languageOf(name)
	if l == nil {
		return "", false
	}
	return l.name, true
}

func languageOf(name string) *language {
	ext := strings.ToLower(path.Ext(name))
	for _, l := range languages {
		if slices.Contains(l.extensions, ext) || l.holds != nil && l.holds(name) {
			return l
		}
	}
	return nil
}

func (f *File) language() *language {
	for _, l := range languages {
		if l.name == f.Language {
			return l
		}
	}
	return nil
}

// Languages returns the languages that are parsed, in the order of the table.
func Languages() []Language {
	names := make([]Language, 0, len(languages))
	for _, l := range languages {
		if !slices.Contains(names, l.name) { // .ts and .tsx are read in two ways
			names = append(names, l.name)
		}
	}
	return names
}

// Extensions returns the extensions that are understood, with the dot, sorted.
func Extensions() []string {
	var all []string
	for _, l := range languages {
		all = append(all, l.extensions...)
	}
	slices.Sort(all)
	return all
}

// Parse turns the text of a file into facts; the name tells the language. It keeps text and does not write to it. The error is
// ErrUnsupported, wrapped, for a name whose language is not parsed, or a *SyntaxError for a text that is not what its name says.
// A byte order mark of UTF-8, line ends of either kind and tabs are fine.
func Parse(name string, text []byte) (*File, error) {
	l := languageOf(name)
	if l == nil {
		ext := path.Ext(name)
		if ext == "" {
			ext = "a name without an extension"
		}
		return nil, fmt.Errorf("%w: %s (understood are %s)", ErrUnsupported, ext, strings.Join(Extensions(), " "))
	}
	if err := checkText(text); err != nil {
		return nil, err
	}
	f := &File{Language: l.name, Text: text, name: name}
	f.indexLines()
	if err := l.parse(f); err != nil {
		return nil, err
	}
	f.sort()
	return f, nil
}

// sort brings the facts into the order of the text; queries search by it.
func (f *File) sort() {
	slices.SortStableFunc(f.Decls, func(a, b Decl) int { return a.Span.Start - b.Span.Start })
	slices.SortStableFunc(f.Calls, func(a, b Call) int { return a.Span.Start - b.Span.Start })
	slices.SortStableFunc(f.Imports, func(a, b Import) int { return a.Line - b.Line })
	slices.SortStableFunc(f.Strings, func(a, b String) int { return a.Span.Start - b.Span.Start })
	slices.SortStableFunc(f.Comments, func(a, b Span) int { return a.Start - b.Start })
	slices.SortStableFunc(f.Handlers, func(a, b Handler) int { return a.Span.Start - b.Span.Start })
	slices.SortStableFunc(f.Env, func(a, b Reference) int { return a.Line - b.Line })
	slices.SortStableFunc(f.Headers, func(a, b Header) int { return a.Line - b.Line })
	slices.SortStableFunc(f.Middle, func(a, b Reference) int { return a.Line - b.Line })
	slices.SortStableFunc(f.Tests, func(a, b Test) int { return a.Line - b.Line })
	slices.SortFunc(f.conditions, func(a, b Span) int { return a.Start - b.Start })
	slices.SortFunc(f.comparisons, func(a, b Span) int { return a.Start - b.Start })
	slices.Sort(f.labels)
	f.quoted = make([]Span, 0, len(f.Strings))
	for _, s := range f.Strings {
		if n := len(f.quoted); n == 0 || s.Span.Start >= f.quoted[n-1].End {
			f.quoted = append(f.quoted, s.Span)
		}
	}
}
