package source

// C++ is read as C is, with what it adds: see c.go.
var cplusplus = language{
	name:       CPP,
	extensions: []string{".cc", ".cpp", ".cxx", ".c++", ".hh", ".hpp", ".hxx", ".h++", ".ipp", ".inl", ".tpp"},
	parse:      parseCPP,
	tokens:     cppTokens,
}

func parseCPP(f *File) error {
	f.Language = CPP
	l := newCLexer(f, true)
	if err := l.cut(); err != nil {
		return err
	}
	return readC(f, l)
}

func cppTokens(text []byte) ([]Span, error) {
	f := &File{Text: text}
	f.indexLines()
	l := newCLexer(f, true)
	err := l.cut()
	return l.cover(), err
}
