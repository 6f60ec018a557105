package source

import (
	"maps"
	"slices"
	"strings"
)

// pyFields are the fields of a class whose base is pydantic's BaseSettings: each is a variable of the environment.
type pyFields struct {
	prefix  string
	unknown bool // the prefix is not a literal
	all     []pyField
}

// pyField is a field, and the variable that it says it is read from.
type pyField struct {
	name  string
	alias string
	other bool // it says so in a way that is not understood
	line  int
}

// field looks at a statement from token a up to b in the body of such a class.
func (p *pyfile) field(a, b int) {
	n := len(p.blocks)
	if n == 0 {
		return
	}
	inner, class := p.blocks[n-1], ""
	switch {
	case inner.reads:
		class = inner.owner
	case n > 1 && p.blocks[n-2].reads && inner.what == "class" && strings.HasSuffix(inner.owner, ".Config"):
		class = p.blocks[n-2].owner
	default:
		return
	}
	fields := p.fields[class]
	if fields == nil {
		fields = &pyFields{}
		p.fields[class] = fields
	}
	name := p.word(a)
	switch {
	case !inner.reads || name == "model_config":
		p.prefix(fields, a, b)
	case name != "" && name[0] != '_' && p.is(a+1, ':') && p.word(a+2) != "ClassVar":
		f := pyField{name: name, line: p.LineOf(p.tokens[a].start)}
		for i := a + 2; i+2 < b; i++ {
			switch p.word(i) {
			case "alias", "validation_alias", "env":
				if !p.is(i+1, '=') {
					continue
				}
				var ok bool
				if f.alias, ok = p.stringAt(i+2, i+3); !ok || !p.is(i+3, ',') && !p.is(i+3, ')') {
					f.other = true
				}
			}
		}
		fields.all = append(fields.all, f)
	}
}

// prefix looks for env_prefix: in SettingsConfigDict(…) or a dict, or as an assignment of the class Config.
func (p *pyfile) prefix(fields *pyFields, a, b int) {
	for i := a; i+2 < b; i++ {
		named := p.word(i) == "env_prefix" && p.is(i+1, '=')
		if p.tokens[i].kind == pyString && p.is(i+1, ':') {
			named = p.decoded(p.tokens[i]) == "env_prefix"
		}
		if named {
			var ok bool
			if fields.prefix, ok = p.stringAt(i+2, i+3); !ok {
				fields.unknown = true
			}
		}
	}
}

// settled notes the variables of the settings classes. They are read whatever their case; the usual spelling is in capitals.
func (p *pyfile) settled() {
	for _, class := range slices.Sorted(maps.Keys(p.fields)) {
		fields := p.fields[class]
		for _, f := range fields.all {
			switch {
			case f.other:
			case f.alias != "":
				p.Env = append(p.Env, Reference{Name: f.alias, Line: f.line})
			case !fields.unknown:
				p.Env = append(p.Env, Reference{Name: strings.ToUpper(fields.prefix + f.name), Line: f.line})
			}
		}
	}
}
