package threat_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/threat"
)

// refused checks a refusal by its code, its field and a part of its hint.
func refused(t *testing.T, err error, code threat.Code, field, hint string) {
	t.Helper()
	var e *threat.Error
	switch {
	case err == nil:
		t.Errorf("it was accepted; want %s", code)
	case !errors.As(err, &e):
		t.Errorf("%v is not a *threat.Error", err)
	case e.Code != code || e.Field != field:
		t.Errorf("%s in field %q; want %s in %q (%v)", e.Code, e.Field, code, field, err)
	case e.Hint == "" || !strings.Contains(e.Hint, hint):
		t.Errorf("the hint %q does not say %q", e.Hint, hint)
	case e.Message == "":
		t.Errorf("no message")
	}
}

func TestCodeOf(t *testing.T) {
	e := threat.Errorf(threat.Conflict, "x")
	for _, c := range []struct {
		err  error
		want threat.Code
	}{
		{nil, ""},
		{e, threat.Conflict},
		{fmt.Errorf("wrapped: %w", e), threat.Conflict},
		{errors.Join(errors.New("a"), e), threat.Conflict},
		{errors.New("no idea"), threat.Internal},
	} {
		if got := threat.CodeOf(c.err); got != c.want {
			t.Errorf("CodeOf(%v) = %q, want %q", c.err, got, c.want)
		}
	}
}

func TestCodesAreAllListed(t *testing.T) {
	seen := threat.Codes()
	slices.Sort(seen)
	if len(slices.Compact(seen)) != 10 {
		t.Errorf("%d codes; the specification has 10 (§13)", len(seen))
	}
}

func TestErrorCopies(t *testing.T) {
	e := threat.Errorf(threat.Invalid, "bad %s", "thing")
	inner := e.In("name")
	outer := inner.In("A1").In("")
	hinted := outer.Hinted("say %d", 5)
	if e.Field != "" || inner.Field != "name" || inner.Hint != "" || outer.Hint != "" {
		t.Errorf("an error was changed in place: %v, %v, %v", e, inner, outer)
	}
	if got, want := hinted.Error(), "invalid: A1.name: bad thing (say 5)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
