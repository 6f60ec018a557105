package impact_test

import (
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/impact"
)

// BenchmarkAnalysis parses the largest diff that is taken and looks for new surface in it: of ordinary code, and of lines that are
// made to be slow to look through.
func BenchmarkAnalysis(b *testing.B) {
	for name, line := range map[string]string{
		"code":    `+	mux.HandleFunc("GET /things/{id}", s.thing) // os.Getenv("NOT_READ")`,
		"secrets": "+" + strings.Repeat("password-", 200),
		"routes":  "+" + strings.Repeat(`@app.router.get(`, 100),
		"urls":    "+" + strings.Repeat("https://a", 200),
	} {
		for _, file := range []string{"x.go", "x.py", "x.ts", "x.yaml", "pyproject.toml"} {
			b.Run(name+"/"+file, func(b *testing.B) {
				var lines []string
				for n := 0; n+len(line)+200 < impact.MaxDiff; n += len(line) + 1 {
					lines = append(lines, line)
				}
				diff := one(file, "", lines...)
				b.SetBytes(int64(len(diff)))
				for range b.N {
					changes, err := impact.Parse(diff)
					if err != nil {
						b.Fatal(err)
					}
					impact.FindSurface(changes)
				}
			})
		}
	}
}
