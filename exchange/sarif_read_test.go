package exchange_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/redoubt-dev/redoubt/exchange"
	"github.com/redoubt-dev/redoubt/threat"
)

const thisModel = "01890000-0000-7000-8000-00000000000a"

func readLog(t testing.TB, log string) *exchange.SARIFLog {
	t.Helper()
	out, err := exchange.ReadSARIF(strings.NewReader(log), thisModel)
	if err != nil {
		t.Fatalf("%s\n%v", log, err)
	}
	return out
}

// oneRun is a log of one run of the scanner "scan".
func oneRun(rules, results string) string {
	return `{"version":"2.1.0","runs":[{"results":[` + results + `],"tool":{"driver":{"name":"scan","rules":[` + rules + `]}}}]}`
}

func oneResult(t testing.TB, rules, result string) exchange.SARIFResult {
	t.Helper()
	log := readLog(t, oneRun(rules, result))
	if len(log.Results) != 1 || len(log.Skipped) != 0 {
		t.Fatalf("%s: %+v", result, log)
	}
	return log.Results[0]
}

// Real reports: nothing of them is lost.
func TestReadSARIFOfScanners(t *testing.T) {
	shared := os.Getenv("REDOUBT_SHARED")
	if shared == "" {
		t.Skip("REDOUBT_SHARED is not set: the reports are not here to read")
	}
	for name, want := range map[string]struct {
		results int
		first   exchange.SARIFResult
	}{
		"appendix_k.sarif": {1, exchange.SARIFResult{
			Tool: "CodeScanner", Rule: exchange.SARIFRule{ID: "C2001", Text: "A variable was used without being initialized."},
			Message: `Variable "ptr" was used without being initialized. It was declared here.`, Severity: threat.SeverityHigh,
			Locations: []string{"src/collections/list.h:15"}, Suppressions: []exchange.SARIFSuppression{{Kind: "external", Status: "accepted"}},
		}},
		"bash-report.sarif": {27, exchange.SARIFResult{
			Tool: "Shell Script Analysis", Rule: exchange.SARIFRule{
				ID: "2076", Text: "Don't quote right-hand side of =~, it'll match literally rather than as a regex.",
				HelpURI: "https://github.com/koalaman/shellcheck/wiki/SC2076", Tags: []string{"Scan"},
			},
			Message: "Don't quote right-hand side of =~, it'll match literally rather than as a regex.", Severity: threat.SeverityLow,
			Locations: []string{"home/damien/dd/docker/setEnv.sh:134"},
		}},
		"njsscan.sarif": {2, exchange.SARIFResult{
			Tool: "nodejsscan", Rule: exchange.SARIFRule{
				ID: "node_insecure_random_generator", Name: "NodeInsecureRandomGenerator", HelpURI: "https://ajinabraham.github.io/nodejsscan/#node_insecure_random_generator",
			},
			Message: "crypto.pseudoRandomBytes()/Math.random() is a cryptographically weak random number generator.", CWEs: []int{327},
			Severity: threat.SeverityMedium, Locations: []string{"src/index.js:321"},
		}},
		"no_runs.sarif": {},
		"spotbugs.sarif": {56, exchange.SARIFResult{
			Tool: "SpotBugs", Rule: exchange.SARIFRule{
				ID: "DMI_HARDCODED_ABSOLUTE_FILENAME", Text: "Code contains a hard coded reference to an absolute pathname.",
				HelpURI: "https://spotbugs.readthedocs.io/en/latest/bugDescriptions.html#DMI_HARDCODED_ABSOLUTE_FILENAME", Tags: []string{"STYLE"},
			},
			Message: "Hard coded reference to an absolute pathname in Boot.main(String[]).", Severity: threat.SeverityLow, Locations: []string{"Boot.java:23"},
		}},
		"suppression_test.sarif": {5, exchange.SARIFResult{
			Tool: "CodeScanner", Rule: exchange.SARIFRule{ID: "TST0001", Text: "Rule 001"}, Message: "Suppressed", Severity: threat.SeverityMedium,
			Locations: []string{"code/file1.c"}, Suppressions: []exchange.SARIFSuppression{{Kind: "external"}},
		}},
	} {
		raw, err := os.ReadFile(filepath.Join(shared, "interop", "sarif", name))
		if err != nil {
			t.Fatal(err)
		}
		log := readLog(t, string(raw))
		if len(log.Results) != want.results || len(log.Skipped) != 0 {
			t.Errorf("%s: %d results, skipped %v", name, len(log.Results), log.Skipped)
			continue
		}
		seen := map[string]bool{}
		for _, r := range log.Results {
			if seen[r.Identity] || r.Message == "" || !strings.HasPrefix(r.Identity, exchange.SARIFIdentity) {
				t.Errorf("%s: %+v", name, r)
			}
			seen[r.Identity] = true
		}
		if want.results > 0 {
			first := log.Results[0]
			first.Identity = ""
			if d := cmp.Diff(want.first, first); d != "" {
				t.Errorf("%s (-want +got):\n%s", name, d)
			}
		}
	}
}

// The rule is found by index, by id, in extensions and by the part before a slash; its words fill the message.
func TestSARIFMessages(t *testing.T) {
	const rules = `{"id":"R1","name":"First","shortDescription":{"text":"short"},"messageStrings":{"m":{"text":"{1} of {0}, {{0}} and {7}"}}},{"id":"R2","fullDescription":{"text":"full"}}`
	for _, c := range []struct{ result, rule, message string }{
		{`{"ruleId":"R1","message":{"text":"said"}}`, "R1", "said"},
		{`{"ruleIndex":1,"message":{"text":"said"}}`, "R2", "said"},
		{`{"rule":{"index":0},"message":{"id":"m","arguments":["a","b"]}}`, "R1", "b of a, {0} and {7}"},
		{`{"ruleId":"R1/case/2","message":{"id":"m","arguments":["a"]}}`, "R1", "{1} of a, {0} and {7}"},
		{`{"ruleId":"R9","ruleIndex":0,"message":{"text":"said {0}"}}`, "R9", "said {0}"},
		{`{"ruleId":"R1","message":{"text":"see [here](3) and [there](https://x.example)"}}`, "R1", "see here and [there](https://x.example)"},
		{`{"ruleId":"R2","message":{}}`, "R2", "full"},
		{`{"ruleId":"R1","message":{"markdown":"**b**"}}`, "R1", "**b**"},
		{`{"ruleId":"R1","message":{"id":"none","arguments":["a"]}}`, "R1", "none a"},
		{`{"ruleId":"R1","message":{"text":"a\u202e\u0007 b\r\nc"}}`, "R1", "a b\nc"},
		{`{"message":{"text":"no rule"}}`, "", "no rule"},
	} {
		if r := oneResult(t, rules, c.result); r.Rule.ID != c.rule || r.Message != c.message || r.Tool != "scan" {
			t.Errorf("%s: rule %q, message %q", c.result, r.Rule.ID, r.Message)
		}
	}
	log := readLog(t, `{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"scan"},"extensions":[{"name":"more","guid":"AB","rules":[{"id":"X","shortDescription":{"text":"of more"}}]}]},
		"results":[{"ruleId":"X","message":{}},{"rule":{"id":"X","index":0,"toolComponent":{"guid":"ab"}},"message":{}},{"rule":{"index":0,"toolComponent":{"index":0}},"message":{}}]}]}`)
	for _, r := range log.Results {
		if r.Message != "of more" || r.Tool != "more" {
			t.Errorf("%+v", r)
		}
	}
}

func TestSARIFSeverity(t *testing.T) {
	for _, c := range []struct {
		rule, result string
		want         threat.Severity
	}{
		{``, ``, threat.SeverityMedium},
		{``, `"level":"error"`, threat.SeverityHigh},
		{``, `"level":"note"`, threat.SeverityLow},
		{``, `"level":"none"`, threat.SeverityInfo},
		{`"defaultConfiguration":{"level":"error"}`, ``, threat.SeverityHigh},
		{`"defaultConfiguration":{"level":"error"}`, `"level":"note"`, threat.SeverityLow},
		{`"properties":{"security-severity":"9.0"}`, `"level":"note"`, threat.SeverityCritical},
		{`"properties":{"security-severity":7}`, ``, threat.SeverityHigh},
		{`"properties":{"security-severity":"6.9"}`, ``, threat.SeverityMedium},
		{`"properties":{"security-severity":"0.1"}`, ``, threat.SeverityLow},
		{`"properties":{"security-severity":"0.0"}`, `"level":"error"`, threat.SeverityInfo},
		{`"properties":{"security-severity":"99"}`, `"level":"error"`, threat.SeverityHigh},
		{`"properties":{"security-severity":[]}`, `"level":"error"`, threat.SeverityHigh},
		{`"properties":{"security-severity":"2.0"}`, `"properties":{"security-severity":"9.9"}`, threat.SeverityCritical},
		{`"properties":{"security-severity":"2.0"}`, `"properties":{"issue_severity":"HIGH"}`, threat.SeverityLow},
		{``, `"properties":{"issue_severity":"HIGH"},"level":"note"`, threat.SeverityHigh},
		{`"properties":{"severity":"Critical"}`, ``, threat.SeverityCritical},
		{`"properties":{"severity":"odd"}`, `"level":"note"`, threat.SeverityLow},
	} {
		result := `{"ruleId":"R","message":{"text":"m"}`
		if c.result != "" {
			result += "," + c.result
		}
		rule := `{"id":"R"`
		if c.rule != "" {
			rule += "," + c.rule
		}
		if got := oneResult(t, rule+"}", result+"}").Severity; got != c.want {
			t.Errorf("rule %s, result %s: %s, want %s", c.rule, c.result, got, c.want)
		}
	}
}

func TestSARIFWeaknesses(t *testing.T) {
	for _, c := range []struct {
		rule, result string
		want         []int
	}{
		{`"properties":{"tags":["security","external/cwe/cwe-079","external/cwe/cwe-116"]}`, ``, []int{79, 116}},
		{`"properties":{"cwe":["CWE-89: SQL Injection"]}`, ``, []int{89}},
		{`"properties":{"cwe":89}`, ``, []int{89}},
		{`"properties":{"cwe_id":"89"}`, ``, []int{89}},
		{`"relationships":[{"target":{"id":"22","toolComponent":{"name":"CWE"}}}]`, ``, []int{22}},
		{`"relationships":[{"target":{"id":"22","toolComponent":{"name":"OWASP"}}}]`, ``, nil},
		{``, `"taxa":[{"id":"CWE-352"}]`, []int{352}},
		{``, `"taxa":[{"index":0,"toolComponent":{"index":0}}]`, []int{611}},
		{`"help":{"text":"see CWE-502"}`, ``, []int{502}},
		{`"help":{"text":"see CWE-502"}`, `"properties":{"cwe":"CWE-20"}`, []int{20}},
		{`"shortDescription":{"text":"Reflected XSS (CWE79)"}`, ``, []int{79}},
		{`"shortDescription":{"text":"cwe-ish 5"}`, ``, nil},
	} {
		rule, result := `{"id":"R"`, `{"ruleId":"R","message":{"text":"m"}`
		if c.rule != "" {
			rule += "," + c.rule
		}
		if c.result != "" {
			result += "," + c.result
		}
		log := readLog(t, `{"version":"2.1.0","runs":[{"taxonomies":[{"name":"CWE","taxa":[{"id":"611"}]}],"tool":{"driver":{"name":"scan","rules":[`+rule+`}]}},"results":[`+result+`}]}]}`)
		if d := cmp.Diff(c.want, log.Results[0].CWEs); d != "" {
			t.Errorf("%s %s (-want +got):\n%s", c.rule, c.result, d)
		}
	}
}

// Paths are relative to the root of the sources, and lead nowhere else.
func TestSARIFPlaces(t *testing.T) {
	const run = `"originalUriBaseIds":{"ROOT":{"uri":"file:///home/me/shop/"},"SRC":{"uri":"src/","uriBaseId":"ROOT"},"LOOP":{"uri":"x/","uriBaseId":"LOOP"}},
		"artifacts":[{"location":{"uri":"lib/a.go","uriBaseId":"SRC"}}]`
	for location, want := range map[string]string{
		`"artifactLocation":{"uri":"a.go","uriBaseId":"ROOT"}`:                         "a.go",
		`"artifactLocation":{"uri":"a.go","uriBaseId":"SRC"},"region":{"startLine":7}`: "src/a.go:7",
		`"artifactLocation":{"index":0}`:                                               "src/lib/a.go",
		`"artifactLocation":{"index":9}`:                                               "",
		`"artifactLocation":{"uri":"file:///home/me/shop/x/b.go"}`:                     "x/b.go",
		`"artifactLocation":{"uri":"file:///etc/passwd"}`:                              "etc/passwd",
		`"artifactLocation":{"uri":"../../etc/passwd"}`:                                "etc/passwd",
		`"artifactLocation":{"uri":"a/../../../b.go","uriBaseId":"SRC"}`:               "b.go",
		`"artifactLocation":{"uri":"file:///C:/code/file1.c"}`:                         "code/file1.c",
		`"artifactLocation":{"uri":"C:\\code\\file1.c"}`:                               "code/file1.c",
		`"artifactLocation":{"uri":"with%20space/%C3%A9.go"}`:                          "with space/é.go",
		`"artifactLocation":{"uri":"a%2e%2e%2f%2e%2e/b%ff"}`:                           "b",
		`"artifactLocation":{"uri":"https://user:pw@x.example/a.js"}`:                  "https://user:xxxxx@x.example/a.js",
		`"artifactLocation":{"uri":"a.go","uriBaseId":"LOOP"}`:                         "x/x/x/x/x/x/x/x/a.go",
		`"artifactLocation":{"uri":"/abs/a.go"}`:                                       "abs/a.go",
		`"artifactLocation":{"uri":"a.go"},"region":{"startLine":-3}`:                  "a.go",
	} {
		log := readLog(t, `{"version":"2.1.0","runs":[{`+run+`,"results":[{"message":{"text":"m"},"locations":[{"physicalLocation":{`+location+`}}]}]}]}`)
		if got := strings.Join(log.Results[0].Locations, " "); got != want {
			t.Errorf("%s: %q, want %q", location, got, want)
		}
	}
	log := readLog(t, oneRun("", `{"message":{"text":"m"},"locations":[{"logicalLocations":[{"name":"f","fullyQualifiedName":"pkg.f"}]}]}`))
	if got := log.Results[0].Locations; len(got) != 1 || got[0] != "pkg.f" {
		t.Errorf("%q", got)
	}
}

// Moved lines, other spaces and newer fingerprints beside the old one are the same problem; another file, rule, tool or snippet is not.
func TestSARIFIdentity(t *testing.T) {
	at := func(tool, rule, file string, line int, more string) string {
		return fmt.Sprintf(`{"version":"2.1.0","runs":[{"tool":{"driver":{"name":%q}},"results":[{"ruleId":%q,"message":{"text":"line %d is wrong"},
			"locations":[{"physicalLocation":{"artifactLocation":{"uri":%q},"region":{"startLine":%d%s}}}]%s}]}]}`, tool, rule, line, file, line,
			map[bool]string{true: `,"snippet":{"text":"x := eval( y )"}`}[more == ""], more)
	}
	identity := func(log string) string { return readLog(t, log).Results[0].Identity }
	const print = `,"partialFingerprints":{"primaryLocationLineHash":"39fa2ee980eb94b0:1"}`
	for _, c := range []struct {
		name, a, b string
		same       bool
	}{
		{"a moved snippet", at("s", "r", "a.go", 1, ""), at("s", "r", "a.go", 90, ""), true},
		{"spaces", at("s", "r", "a.go", 1, ""), strings.Replace(at("s", "r", "a.go", 1, ""), "x := eval( y )", `\tx:=eval(y)\n`, 1), true},
		{"another snippet", at("s", "r", "a.go", 1, ""), strings.Replace(at("s", "r", "a.go", 1, ""), "eval", "exec", 1), false},
		{"another file", at("s", "r", "a.go", 1, ""), at("s", "r", "b.go", 1, ""), false},
		{"another rule", at("s", "r", "a.go", 1, ""), at("s", "q", "a.go", 1, ""), false},
		{"another tool", at("s", "r", "a.go", 1, ""), at("t", "r", "a.go", 1, ""), false},
		{"a moved line without a snippet", at("s", "r", "a.go", 1, `,"level":"note"`), at("s", "r", "a.go", 22, `,"level":"note"`), true},
		{"a moved line with a fingerprint", at("s", "r", "a.go", 1, print), at("s", "r", "a.go", 2, print), true},
		{"another fingerprint", at("s", "r", "a.go", 1, print), at("s", "r", "a.go", 1, strings.Replace(print, "39", "40", 1)), false},
		{"a newer version beside", at("s", "r", "a.go", 1, `,"partialFingerprints":{"hash/v1":"abcd1"}`), at("s", "r", "a.go", 1, `,"partialFingerprints":{"hash/v2":"efgh1","hash/v1":"abcd1"}`), true},
		{"a digest of the file", at("s", "r", "a.go", 1, `,"partialFingerprints":{"scanFileHash":"abcd1"}`), at("s", "r", "a.go", 1, `,"partialFingerprints":{"scanFileHash":"abcd2"}`), true},
		{"a whole fingerprint in another file", at("s", "r", "a.go", 1, `,"fingerprints":{"id":"abcdef"}`), at("s", "r", "b.go", 1, `,"fingerprints":{"id":"abcdef"}`), true},
		{"words for a fingerprint", at("s", "r", "a.go", 1, `,"fingerprints":{"matchBasedId/v1":"requires login"}`), at("s", "r", "b.go", 1, `,"fingerprints":{"matchBasedId/v1":"requires login"}`), false},
	} {
		if a, b := identity(c.a), identity(c.b); (a == b) != c.same {
			t.Errorf("%s: %s and %s", c.name, a, b)
		}
	}
	// The same twice in a file is two, and stays so.
	twice := strings.Replace(at("s", "r", "a.go", 1, print), `"results":[{`, `"results":[{"ruleId":"r","message":{"text":"m"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"a.go"}}}]`+print+`},{`, 1)
	a, b := readLog(t, twice), readLog(t, twice)
	if len(a.Results) != 2 || a.Results[0].Identity == a.Results[1].Identity {
		t.Fatalf("%+v", a.Results)
	}
	if d := cmp.Diff(a, b); d != "" {
		t.Error(d)
	}
	// Our own exports name themselves; the name of another model's finding is only a fingerprint.
	own := func(value string) string {
		return identity(at("redoubt", "C1", "a.go", 1, `,"fingerprints":{"redoubtFinding/v1":`+fmt.Sprintf("%q", value)+`}`))
	}
	mine, scanned := thisModel+"/F3", "sarif:"+strings.Repeat("0a", 20)
	if got := own(mine); got != mine {
		t.Errorf("%s became %s", mine, got)
	}
	if got := own(scanned); got != scanned {
		t.Errorf("%s became %s", scanned, got)
	}
	if got := own("other/F3"); !strings.HasPrefix(got, "sarif:") || got != own("other/F3") || got == own("other/F4") {
		t.Errorf("another model's became %s", got)
	}
}

// What is no finding is listed with why.
func TestSARIFSkips(t *testing.T) {
	log := readLog(t, `{"version":"2.1.0","inlineExternalProperties":[{"results":[{},{}]}],"runs":[{"tool":{"driver":{"name":"s"}},"results":[
		{"kind":"pass","ruleId":"a"},{"kind":"notApplicable"},{"kind":"open"},{"kind":"review"},{"kind":"informational"},{"kind":"odd"},
		{"ruleId":"b","baselineState":"absent"},{"ruleId":"c","partialFingerprints":{"redoubtAssertion/v1":"x"}},{},
		null,7,{"ruleId":5,"message":{"text":"m"}},{"ruleId":"d","message":"text"},
		{"ruleId":"e","message":{"text":"m"},"baselineState":"unchanged","locations":[5,{"physicalLocation":{"artifactLocation":{"uri":"a.go"}}}],"suppressions":[7,null]}]},
		{"results":null},{"results":{}},null,{"externalPropertyFileReferences":{"results":[{"location":{"uri":"r.json"}}]}}]}`)
	var reasons []string
	lost := 0
	for _, s := range log.Skipped {
		reasons = append(reasons, fmt.Sprintf("%d.%d %s", s.Run, s.Index, s.Reason))
		if s.Lost {
			lost++
		}
	}
	want := []string{
		"-1.0 it stands", "-1.1 it stands", "0.0 kind pass", "0.1 kind notA", "0.2 kind open", "0.3 kind review", "0.4 kind inf", "0.5 kind odd: not known",
		"0.6 baselineState absent", "0.7 a failed assertion", "0.8 it has neither", "0.9 it has neither", "0.10 it cannot be read: a number stands where an object is needed", "0.11 it cannot be read: ruleId is of the wrong type: number",
		"0.12 it cannot be read: message is of the wrong type: string", "2.-1 the results are no list",
		"3.-1 the run is no object", "4.-1 results in another file",
	}
	if len(reasons) != len(want) || log.Runs != 5 || lost != 8 {
		t.Fatalf("%d runs, %d lost, %q", log.Runs, lost, reasons)
	}
	for i := range want {
		if !strings.HasPrefix(reasons[i], want[i]) {
			t.Errorf("%q, want %q", reasons[i], want[i])
		}
	}
	if len(log.Results) != 1 || log.Results[0].Index != 13 || len(log.Results[0].Locations) != 1 || len(log.Results[0].Suppressions) != 0 {
		t.Errorf("%+v", log.Results)
	}
}

// A result is suppressed when all of its suppressions hold.
func TestSARIFSuppressed(t *testing.T) {
	for list, want := range map[string]bool{
		``: false, `[]`: false, `null`: false, `[{"kind":"inSource"}]`: true, `[{"kind":"external","status":"accepted"}]`: true,
		`[{"kind":"external","status":"underReview"}]`: false, `[{"kind":"external","status":"rejected"}]`: false, `[{"kind":"external","state":"accepted"}]`: true,
		`[{"kind":"inSource"},{"kind":"external","status":"underReview"}]`: false, `[{"kind":"external","status":"odd"}]`: false, `[{}]`: false, `{"kind":"inSource"}`: false,
	} {
		result := `{"ruleId":"r","message":{"text":"m"}`
		if list != "" {
			result += `,"suppressions":` + list
		}
		r := oneResult(t, "", result+"}")
		if _, got := r.Suppressed(); got != want {
			t.Errorf("%s: %v", list, got)
		}
	}
}

// Packed, with a byte order mark, or wide: the log is the same.
func TestSARIFForms(t *testing.T) {
	log := oneRun(`{"id":"R"}`, `{"ruleId":"R","message":{"text":"é 😀"}}`)
	want := readLog(t, log)
	wide := func(order binary.AppendByteOrder) []byte {
		out := order.AppendUint16(nil, 0xfeff)
		for _, u := range utf16.Encode([]rune(strings.Repeat(" ", 8191) + log)) {
			out = order.AppendUint16(out, u)
		}
		return out
	}
	for name, raw := range map[string][]byte{
		"gzip": packed(t, []byte(log)), "a mark": []byte("\xef\xbb\xbf" + log), "UTF-16LE": wide(binary.LittleEndian), "UTF-16BE": wide(binary.BigEndian),
		"both": packed(t, wide(binary.LittleEndian)), "space around": []byte("\n " + log + "\n\n"),
	} {
		got, err := exchange.ReadSARIF(bytes.NewReader(raw), thisModel)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func packed(t testing.TB, raw []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(raw); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What is no log, or goes past a bound, is refused with what to do.
func TestSARIFRefused(t *testing.T) {
	deep := `{"x":` + strings.Repeat("[", 300) + strings.Repeat("]", 300) + `,"version":"2.1.0"}`
	for log, word := range map[string]string{
		``: "ends in the middle", `{`: "ends in the middle", `{"version":"2.1.0","runs":[{"results":[{"ruleId":"a"}`: "ends in the middle", `[]`: "no SARIF log", `{}`: "no SARIF log",
		`null`: "no SARIF log", `{"version":"2.1.0"}`: "no list of runs", `{"version":"2.1.0","runs":{}}`: "no list of runs", `"x"`: "no SARIF log", `{"version":"2.0.0","runs":[]}`: `SARIF "2.0.0"`, `{"version":7}`: "SARIF", `<sarif/>`: "not JSON",
		`{"version":"2.1.0"} {}`: "follows", `{"version":"2.1.0"} x`: "not JSON", `{"version":"2.1.0","runs":[{"results":[{]}]}`: "not JSON",
		deep: "nested", `{"version":"2.1.0","runs":[` + strings.Repeat(`{},`, 1000) + `{}]}`: "more than 1000 runs",
		`{"version":"2.1.0",}`: "a key is missing", `{"version" "2.1.0"}`: "colon", `{"version":"2.1.0" "runs":[]}`: "comma", `{"version":"2.1.0","a":[}`: "bracket", `{"version":"2.1.0","a":x}`: "value is missing", oneRun("", strings.Repeat(`{},`, exchange.MaxSARIFResults)+`{}`): "more than 25000 results",
		`{"version":"2.1.0","runs":[{"results":[{"ruleId":"` + strings.Repeat("x", 17<<20) + `"}]}]}`: "single value", "\x1f\x8bxxxxxxxxxxxx": "gzip", "\x1f\x8b": "gzip",
	} {
		_, err := exchange.ReadSARIF(strings.NewReader(log), thisModel)
		var te *threat.Error
		if !errors.As(err, &te) || te.Code != threat.Invalid || te.Field != "sarif" || te.Hint == "" || !strings.Contains(te.Message, word) {
			t.Errorf("%.60q: %v, want %q", log, err, word)
		}
	}
	cut := packed(t, []byte(oneRun("", "")))
	if _, err := exchange.ReadSARIF(bytes.NewReader(cut[:len(cut)-9]), thisModel); threat.CodeOf(err) != threat.Invalid {
		t.Errorf("a cut gzip: %v", err)
	}
	broken := errors.New("the line broke")
	if _, err := exchange.ReadSARIF(&brokenReader{strings.NewReader(`{"version":`), broken}, thisModel); !errors.Is(err, broken) {
		t.Errorf("a broken line: %v", err)
	}
	if testing.Short() {
		return
	}
	bomb := bytes.NewBuffer(packed(t, []byte(`{"version":"2.1.0","x":[`))) // several packed streams in a row are one
	chunk := packed(t, bytes.Repeat([]byte(`"`+strings.Repeat("x", 1021)+`",`), 1<<10))
	for range exchange.MaxSARIFBytes>>20 + 1 {
		bomb.Write(chunk)
	}
	if _, err := exchange.ReadSARIF(bomb, thisModel); err == nil || !strings.Contains(err.Error(), "unpacked") {
		t.Errorf("a bomb: %v", err)
	}
}

type brokenReader struct {
	*strings.Reader
	err error
}

func (b *brokenReader) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil {
		err = b.err
	}
	return n, err
}

// Whatever the results are, each is a finding or is listed, and no two findings are one.
func TestSARIFCounts(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(0, 12).Draw(rt, "results")
		var results []string
		for range n {
			r := map[string]any{"message": map[string]any{"text": rapid.SampledFrom([]string{"", "a", "b 7", "b 8"}).Draw(rt, "text")}}
			if rapid.Bool().Draw(rt, "has rule") {
				r["ruleId"] = rapid.SampledFrom([]any{"R1", "R1/2", "R2", 7}).Draw(rt, "rule")
			}
			if k := rapid.SampledFrom([]string{"", "", "fail", "pass", "open"}).Draw(rt, "kind"); k != "" {
				r["kind"] = k
			}
			if f := rapid.SampledFrom([]string{"", "", "abcd", "efgh"}).Draw(rt, "fingerprint"); f != "" {
				r["partialFingerprints"] = map[string]any{"h": f}
			}
			raw, err := json.Marshal(r)
			if err != nil {
				rt.Fatal(err)
			}
			results = append(results, string(raw))
		}
		log, err := exchange.ReadSARIF(strings.NewReader(oneRun(`{"id":"R1"}`, strings.Join(results, ","))), thisModel)
		if err != nil {
			rt.Fatal(err)
		}
		if len(log.Results)+len(log.Skipped) != n {
			rt.Fatalf("%d results became %d findings and %d skipped", n, len(log.Results), len(log.Skipped))
		}
		seen := map[string]bool{}
		for _, r := range log.Results {
			if seen[r.Identity] {
				rt.Fatalf("%s twice", r.Identity)
			}
			seen[r.Identity] = true
		}
	})
}

func FuzzReadSARIF(f *testing.F) {
	f.Add([]byte(oneRun(`{"id":"R","messageStrings":{"m":{"text":"{0}"}},"properties":{"tags":["cwe-79"],"security-severity":"8"}}`,
		`{"ruleId":"R/1","message":{"id":"m","arguments":["a"]},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"file:///a/../b%20c"},"region":{"startLine":1,"snippet":{"text":"x"}}}}],"suppressions":[{"kind":"inSource"}]}`)))
	f.Add([]byte(`{"version":"2.1.0","runs":[{"originalUriBaseIds":{"A":{"uri":"a/","uriBaseId":"A"}},"artifacts":[{"location":{"uri":"x"}}],"taxonomies":[{"taxa":[{"id":"1"}]}]}]}`))
	f.Add([]byte("\xff\xfe{\x00}\x00"))
	f.Add(packed(f, []byte(`{"version":"2.1.0"}`)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		log, err := exchange.ReadSARIF(bytes.NewReader(raw), thisModel)
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, r := range log.Results {
			if seen[r.Identity] || r.Identity == "" {
				t.Fatalf("identity %q", r.Identity)
			}
			seen[r.Identity] = true
			for _, text := range []string{r.Message, r.Rule.Text, strings.Join(r.Locations, "\n")} {
				if again, err := threat.Text(text, threat.MaxDescription*10); err != nil || again != strings.TrimSpace(text) {
					t.Fatalf("%q is not clean: %v", text, err)
				}
			}
			for _, l := range r.Locations {
				if strings.HasPrefix(l, "/") || strings.HasPrefix(l, "../") {
					t.Fatalf("location %q", l)
				}
			}
		}
	})
}
