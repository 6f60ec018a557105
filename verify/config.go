package verify

import (
	"fmt"
	"strings"

	"github.com/redoubt-dev/redoubt/verify/config"
)

// values reads the claim's configuration file and returns what its key is set to: at least one value.
func (k *claim) values() (*file, []config.Value, error) {
	f := k.about()
	text, err := f.utf8()
	if err != nil {
		return f, nil, err
	}
	type reading struct {
		file *config.File
		err  error
	}
	r := remember(f, "config", func() reading {
		c, err := config.Read(f.path, text)
		return reading{c, err}
	})
	if r.err != nil {
		return f, nil, failf("%v", r.err)
	}
	key := k.params.String("key")
	values, err := r.file.Lookup(key)
	if err != nil {
		return f, nil, failf("%s: %v", f.path, err)
	}
	if len(values) > 0 {
		return f, values, nil
	}
	near := r.file.Nearest(key, 3)
	if len(near) == 0 {
		return f, nil, failf("%s has no key %s", f.path, key)
	}
	return f, nil, failf("%s has no key %s; the nearest: %s", f.path, key, strings.Join(near, ", "))
}

// configKeyExists: the key is set in the file, in each place that it names; null and the empty text set nothing.
func configKeyExists(k *claim) (*found, error) {
	f, values, err := k.values()
	if err != nil {
		return nil, err
	}
	for _, v := range values {
		if !v.Set() {
			return nil, failAt(v.Line, "%s at %s:%d is null or empty, so it is not set", v.Key, f.path, v.Line)
		}
	}
	return k.configured(f, values, "is set")
}

// configValueMatches: the pattern matches each value of the key as a whole. Reasons do not repeat values: they may be secret.
func configValueMatches(k *claim) (*found, error) {
	f, values, err := k.values()
	if err != nil {
		return nil, err
	}
	e, err := k.run.patterns.compile(`\A(?:` + k.params.String("pattern") + `)\z`)
	if err != nil {
		return nil, err
	}
	for _, v := range values {
		switch {
		case v.Kind == config.List || v.Kind == config.Map:
			return nil, failAt(v.Line, "%s at %s:%d is a %s, not a value; name one of its elements or keys", v.Key, f.path, v.Line, v.Kind)
		case v.Kind == config.Null:
			return nil, failAt(v.Line, "%s at %s:%d is null", v.Key, f.path, v.Line)
		case !e.re.MatchString(v.Text):
			return nil, failAt(v.Line, "the value of %s at %s:%d does not match the pattern as a whole", v.Key, f.path, v.Line)
		}
	}
	return k.configured(f, values, "matches")
}

func (k *claim) configured(f *file, values []config.Value, what string) (*found, error) {
	text, err := f.utf8()
	if err != nil {
		return nil, err
	}
	line, last := values[0].Line, values[0].Line
	more := ""
	if len(values) > 1 {
		more = fmt.Sprintf(" and %d more", len(values)-1)
		for _, v := range values {
			line, last = min(line, v.Line), max(last, v.Line)
		}
	}
	return &found{
		file: f, line: values[0].Line, reason: fmt.Sprintf("%s %s at %s:%d%s", values[0].Key, what, f.path, values[0].Line, more),
		excerpt: aroundLines(text, line, last, 10),
	}, nil
}
