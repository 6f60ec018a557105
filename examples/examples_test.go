package examples

import (
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/threat"
)

func TestEveryExampleIsAFullDescription(t *testing.T) {
	names := Names()
	if len(names) != 4 {
		t.Fatalf("examples: %v", names)
	}
	for _, name := range names {
		text, err := Text(name)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(strings.Fields(text)); n < 150 || n > 350 {
			t.Errorf("%s has %d words, want 150 to 350", name, n)
		}
	}
}

func TestUnknownExampleNamesTheOthers(t *testing.T) {
	for _, name := range []string{"", "nope", "../go.mod", "file-sharing-api.md"} {
		_, err := Text(name)
		if threat.CodeOf(err) != threat.NotFound || !strings.Contains(err.Error(), "payments-service") {
			t.Errorf("Text(%q): %v", name, err)
		}
	}
}
