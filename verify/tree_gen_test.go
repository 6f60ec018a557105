package verify_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/verify"
)

// generated is a tree of n files in the languages and formats that are understood, about 14 kB each, and one assertion about
// each of them, of all types but those over test reports; a seventh is about what is not there.
func generated(n int) (files map[string]string, assertions []evidence.Assertion) {
	files = map[string]string{}
	for i := range n {
		dir := fmt.Sprintf("pkg%02d/", i%37)
		var name, text string
		var a evidence.Assertion
		id := i
		if i%7 == 6 {
			id = i + 1_000_000 // of which nothing holds
		}
		switch kind := i % 10; kind {
		case 0, 1:
			name, text = fmt.Sprintf("%sfile%d.go", dir, i), goText(i)
			a = []evidence.Assertion{
				assertion(fn, "file", name, "name", fmt.Sprintf("Store%d.Open0", id)),
				assertion(calls, "file", name, "caller", "Open1", "callee", fmt.Sprintf("db.Query%d", id)),
				assertion(errh, "file", name, "function", fmt.Sprintf("handle%d", id)),
				assertion(imp, "file", name, "module", fmt.Sprintf("example.org/m%d", id)),
				assertion(evidence.NoPlaintextSecret, "file", name),
				assertion(absent, "file", name, "pattern", "md5\\.New", "witness", "md5.New()"),
				assertion(evidence.FileExists, "file", name),
			}[i/10%7]
		case 2, 3:
			name, text = fmt.Sprintf("%sfile%d.py", dir, i), pythonText(i)
			a = []evidence.Assertion{
				assertion(deco, "file", name, "function", fmt.Sprintf("View%d.get0", id), "decorator", "login_required"),
				assertion(param, "file", name, "function", "get1", "parameter", fmt.Sprintf("key%d", id)),
				assertion(env, "file", name, "variable", fmt.Sprintf("KEY_%d", id)),
				assertion(absent, "file", name, "pattern", "verify\\s*=\\s*False", "witness", "verify = False"),
				assertion(evidence.NoPlaintextSecret, "file", name),
			}[i/10%5]
		case 4, 5:
			name, text = fmt.Sprintf("%sfile%d.ts", dir, i), scriptText(i)
			a = []evidence.Assertion{
				assertion(class, "file", name, "name", fmt.Sprintf("Service%d", id)),
				assertion(mware, "file", name, "middleware", fmt.Sprintf("guard%d", id)),
				assertion(header, "file", name, "header", fmt.Sprintf("X-Frame-%d", id), "value", "DENY"),
				assertion(pattern, "file", name, "pattern", fmt.Sprintf(`timingSafeEqual\(a%d\b`, id)),
				assertion(evidence.FileHash, "file", name, "algorithm", "sha256", "expected_hash", fmt.Sprintf("%x", sum([]byte(text)))),
			}[i/10%5]
		case 6:
			name, text = fmt.Sprintf("%sconf%d.yaml", dir, i), yamlText(i)
			a = []evidence.Assertion{
				assertion(evidence.ConfigKeyExists, "file", name, "key", fmt.Sprintf("section3.cookie%d.secure", id)),
				assertion(evidence.ConfigValueMatches, "file", name, "key", fmt.Sprintf("section5.cookie%d.secure", id), "pattern", "true"),
			}[i/10%2]
		case 7:
			name, text = fmt.Sprintf("mod%d/go.mod", i), goModText(i)
			a = []evidence.Assertion{
				assertion(evidence.DependencyExists, "manifest", name, "package", fmt.Sprintf("example.org/lib/m%d", id)),
				assertion(evidence.DependencyVersion, "manifest", name, "package", fmt.Sprintf("example.org/lib/m%d", id), "constraint", ">=1.2.0"),
			}[i/10%2]
		case 8:
			name, text = fmt.Sprintf("%stext%d.md", dir, i), strings.Repeat(fmt.Sprintf("Line of text number %d about the session and its token.\n", i), 240)
			a = []evidence.Assertion{
				assertion(evidence.NoPlaintextSecret, "file", name),
				assertion(absent, "file", name, "pattern", "verify\\s*=\\s*False", "witness", "verify = False"),
				assertion(pattern, "file", name, "pattern", fmt.Sprintf(`number %d\b`, id)),
			}[i/10%3]
		default:
			name, text = fmt.Sprintf("%skey%d_test.go", dir, i), goText(i)+fmt.Sprintf("\nfunc TestKey%d(t *testing.T) { check(t) }\n", i)
			a = assertion(evidence.TestExists, "pattern", name, "name", fmt.Sprintf("TestKey%d", id))
		}
		files[name] = text
		assertions = append(assertions, a)
	}
	return files, assertions
}

func goText(i int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "// Package a is made up.\npackage a\n\nimport (\n\t\"errors\"\n\t\"example.org/m%d\"\n)\n\ntype Store%d struct{ db *m%d.DB }\n", i, i, i)
	for j := range 24 {
		fmt.Fprintf(&b, "\n// Open%d opens the store and returns what it holds under the key.\nfunc (s *Store%d) Open%d(key string, n int) (string, error) {\n\tif key == \"\" || n < 0 {\n\t\treturn \"\", errors.New(\"the key is empty\")\n\t}\n\trows, err := s.db.Query%d(key, \"SELECT value FROM things WHERE key = ?\", n+%d)\n\tif err != nil {\n\t\treturn \"\", fail(err, key)\n\t}\n\tfor _, row := range rows {\n\t\tif row.Name == key { // the first one counts\n\t\t\treturn row.Value, nil\n\t\t}\n\t}\n\treturn s.other(map[string]int{\"a\": 1, \"b\": n}, []string{key, `raw`})\n}\n", j, i, j, i, j)
	}
	fmt.Fprintf(&b, "\nfunc handle%d() error {\n\tif err := try(); err != nil {\n\t\treturn errors.Join(err, errBad)\n\t}\n\treturn nil\n}\n", i)
	return b.String()
}

func pythonText(i int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\"\"\"A made-up module.\"\"\"\nimport os\nfrom app import login_required\n\nKEY = os.environ[\"KEY_%d\"]\n\n\nclass View%d:\n    \"\"\"Shows things.\"\"\"\n", i, i)
	for j := range 30 {
		fmt.Fprintf(&b, "\n    @login_required(\n        scope=\"read\",\n    )\n    def get%d(self, key%d, *, limit=10):\n        # the limit is small\n        if not key%d or limit > 100:\n            raise ValueError(f\"bad {limit}\")\n        try:\n            rows = self.db.query(\"select %%s\", [key%d, limit])\n        except KeyError as e:\n            log.warning(\"no %%s\", e)\n            return None\n        return {\"rows\": [r for r in rows if r], \"n\": %d}\n", j, i, i, i, j)
	}
	return b.String()
}

func scriptText(i int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "import express, { type Request } from 'express';\nimport { guard%d } from './guard';\n\nconst app = express();\napp.use(guard%d);\napp.use((req, res, next) => { res.setHeader('X-Frame-%d', 'DENY'); next(); });\n\nexport class Service%d {\n  constructor(private readonly db: Db) {}\n", i, i, i, i)
	for j := range 28 {
		fmt.Fprintf(&b, "\n  /** Finds the thing number %d. */\n  async find%d<T>(a%d: string, options: { limit?: number } = {}): Promise<Map<string, T> | undefined> {\n    if (!a%d || (options.limit ?? 0) > 100) throw new Error(`bad ${a%d} and ${options.limit}`);\n    try {\n      const rows = await this.db.query(/^a+$/.test(a%d) ? 'x' : 'y', [a%d]);\n      return crypto.timingSafeEqual(a%d, rows[0]) ? new Map(rows.map((r) => [r.id, r])) : undefined;\n    } catch (e) {\n      log.error(e, 'no rows');\n    }\n  }\n", j, j, i, i, i, i, i, i)
	}
	return b.String() + "}\n"
}

func goModText(i int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "module example.org/mod%d\n\ngo 1.21\n\nrequire (\n\texample.org/lib/m%d v1.2.3\n", i, i)
	for j := range 80 {
		fmt.Fprintf(&b, "\texample.org/other/lib%d/v2 v2.%d.1 // indirect\n", j, j)
	}
	return b.String() + ")\n"
}

func yamlText(i int) string {
	var b strings.Builder
	for j := range 110 {
		fmt.Fprintf(&b, "section%d:\n  # a comment\n  cookie%d:\n    secure: true\n    name: \"session-%d\"\n    hosts: [a.example, b.example]\n", j, i, j)
	}
	return b.String()
}

func BenchmarkCheck1000(b *testing.B) {
	files, assertions := generated(1000)
	dir := write(b, files)
	c, err := verify.New(verify.Options{Root: dir})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	for b.Loop() {
		failed := 0
		for _, o := range c.Check(b.Context(), assertions) {
			if o.Verdict == evidence.Fail {
				failed++
			}
		}
		if failed < 40 || failed > 200 {
			b.Fatalf("%d of %d failed", failed, len(assertions))
		}
	}
	size := 0
	for _, text := range files {
		size += len(text)
	}
	b.SetBytes(int64(size))
}

// BenchmarkFloor walks the same tree and reads and hashes each file once.
func BenchmarkFloor(b *testing.B) {
	files, _ := generated(1000)
	dir := write(b, files)
	size := 0
	for b.Loop() {
		size = 0
		err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := os.ReadFile(p)
			size += len(text)
			sum(text)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(size))
}
