package service

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/redoubt-dev/redoubt/exchange"
	"github.com/redoubt-dev/redoubt/threat"
)

// weakness is a family of weaknesses of code, by their numbers in the Common Weakness Enumeration and the tags that scanners give them,
// and the phrases that a control against it holds: all words of a phrase, in any order.
type weakness struct {
	cwes []int
	tags []string
	says []string
}

// weaknesses is the table by which results of scanners come to controls.
var weaknesses = []weakness{
	{
		cwes: []int{89, 564, 943, 90, 643}, tags: []string{"sqli", "sql-injection", "nosql-injection", "ldap-injection"},
		says: []string{"query bound parameter", "bound parameter", "sql injection", "parameterised query", "parameterized query", "prepared statement", "concatenated query"},
	},
	{
		cwes: []int{77, 78, 88}, tags: []string{"command-injection", "os-command-injection", "shell-injection"},
		says: []string{"shell command", "command injection", "argument vector", "without shell", "subprocess shell"},
	},
	{
		cwes: []int{94, 95, 96, 1336, 917}, tags: []string{"code-injection", "ssti", "template-injection", "eval"},
		says: []string{"template sandboxed", "evaluating input", "code injection", "user-written template", "never evaluate", "eval"},
	},
	{
		cwes: []int{79, 80, 83, 87, 116}, tags: []string{"xss", "cross-site-scripting"},
		says: []string{"context-aware encoding", "output encoding", "unescaped value", "cross-site scripting", "xss", "sanitiser allow-list", "sanitizer allow-list", "rendered inert", "content-security-policy script"},
	},
	{
		cwes: []int{352}, tags: []string{"csrf", "xsrf", "cross-site-request-forgery"},
		says: []string{"anti-forgery", "csrf", "forged request", "another site started"},
	},
	{cwes: []int{1021}, tags: []string{"clickjacking"}, says: []string{"frame page", "frame-ancestor", "framing", "clickjacking"}},
	{
		cwes: []int{22, 23, 24, 35, 36, 59, 73, 98}, tags: []string{"path-traversal", "directory-traversal", "zip-slip", "zipslip", "lfi"},
		says: []string{"archive entry name", "open file root", "path traversal", "directory traversal", "resolving link", "outside the root"},
	},
	{
		cwes: []int{918}, tags: []string{"ssrf", "server-side-request-forgery"},
		says: []string{"fetch address redirect", "ssrf", "public address name resolution", "egress proxy fetch", "private address fetch"},
	},
	{cwes: []int{601}, tags: []string{"open-redirect", "unvalidated-redirect"}, says: []string{"open redirect", "redirect allow-list", "exact redirect address"}},
	{
		cwes: []int{611, 776, 827}, tags: []string{"xxe", "xml-external-entity", "xml-bomb"},
		says: []string{"external entity", "xxe", "entity expansion"},
	},
	{
		cwes: []int{502}, tags: []string{"deserialization", "unsafe-deserialization", "insecure-deserialization"},
		says: []string{"native deserialisation", "native deserialization", "deserialise untrusted", "deserialize untrusted", "unsafe deserialisation", "unsafe deserialization"},
	},
	{cwes: []int{434}, tags: []string{"unrestricted-upload", "file-upload"}, says: []string{"file type content", "allowed file type", "upload malware", "user file attachment nosniff"}},
	{
		cwes: []int{798, 259, 321, 540, 547, 312, 313, 256, 522}, tags: []string{"secret", "secrets", "hardcoded-credentials", "hardcoded-secret", "hard-coded-credentials", "credentials"},
		says: []string{"secret manager", "secret code", "hard-coded secret", "hardcoded secret", "hard-coded credential", "secret committed configuration"},
	},
	{
		cwes: []int{916, 759, 760, 261, 836}, tags: []string{"weak-password-hash", "password-hash"},
		says: []string{"password salted hash", "password hash slow", "memory-hard"},
	},
	{cwes: []int{521, 1391}, tags: []string{"weak-password"}, says: []string{"password breache", "weak password", "password length"}},
	{
		cwes: []int{307, 799}, tags: []string{"brute-force"},
		says: []string{"sign-in attempt", "login attempt", "brute force", "growing delay"},
	},
	{
		cwes: []int{295, 297, 296, 319, 523, 757, 5}, tags: []string{"tls", "ssl", "insecure-transport", "certificate-validation", "cleartext-transmission"},
		says: []string{"tls certificate verified", "mutual tls", "only over tls", "plain http", "tls", "certificate verified"},
	},
	{
		cwes: []int{326, 327, 328, 323, 325, 780}, tags: []string{"weak-crypto", "weak-cryptography", "insecure-hash", "weak-hash", "broken-crypto"},
		says: []string{"weak algorithm", "approved algorithm", "authenticated encryption", "cipher mode", "modern algorithm", "encrypt field data key"},
	},
	{
		cwes: []int{330, 331, 334, 335, 338, 340, 1241}, tags: []string{"weak-random", "insecure-randomness", "insecure-random"},
		says: []string{"random bit", "cryptographically secure random", "csprng", "unguessable identifier", "secure random"},
	},
	{
		cwes: []int{347, 345, 290, 287, 1390}, tags: []string{"jwt", "jwt-verification"},
		says: []string{"verify token", "verify every token", "token signature", "pinned algorithm signature", "authenticate every route"},
	},
	{
		cwes: []int{306, 304, 303}, tags: []string{"missing-authentication", "unauthenticated"},
		says: []string{"authenticate every route", "authenticate every request", "refuse unauthenticated", "route without credential"},
	},
	{
		cwes: []int{862, 863, 285, 639, 566, 732, 284, 425, 551}, tags: []string{"idor", "bola", "missing-authorization", "broken-access-control", "access-control"},
		says: []string{"caller may act object", "check access object", "privileged function role", "authorise object", "authorize object", "caller role permission"},
	},
	{cwes: []int{915, 913}, tags: []string{"mass-assignment"}, says: []string{"request bodie input type field", "bind request", "mass assignment", "field caller may write"}},
	{
		cwes: []int{384, 613, 614, 1004, 1275, 565}, tags: []string{"session", "session-fixation", "insecure-cookie", "cookie"},
		says: []string{"session cookie", "secure httponly", "samesite cookie", "session expiry", "new id sign-in"},
	},
	{
		cwes: []int{532, 533, 534, 200, 209, 215, 201, 598}, tags: []string{"information-exposure", "log-exposure", "sensitive-data-logging"},
		says: []string{"out of log", "redacting logger", "redact log", "log token personal data", "error message internal", "secret log"},
	},
	{cwes: []int{117, 93, 113, 644}, tags: []string{"log-injection", "crlf-injection", "header-injection"}, says: []string{"forge line", "log injection", "encode value line", "header injection"}},
	{
		cwes: []int{400, 770, 1333, 834, 674, 409, 789, 405, 407}, tags: []string{"redos", "denial-of-service", "dos", "resource-exhaustion", "rate-limit"},
		says: []string{"limit request rate", "rate concurrency", "limit size depth", "bound caller input", "size count limit", "request rate"},
	},
	{
		cwes: []int{1104, 1395, 937, 1035, 1357, 494, 829, 830, 353}, tags: []string{"vulnerable-dependency", "sca", "dependency", "outdated-component", "supply-chain"},
		says: []string{"dependency pinned", "lock file", "known vulnerable", "review new dependency", "dependencie pinned", "dependencie lock file"},
	},
	{cwes: []int{942, 346, 1385, 1385}, tags: []string{"cors", "origin-validation"}, says: []string{"checking origin", "check origin", "cors", "allowed origin"}},
	{cwes: []int{1236}, tags: []string{"csv-injection", "formula-injection"}, says: []string{"neutralise formula", "formula exported cell", "neutralize formula"}},
	{cwes: []int{1321}, tags: []string{"prototype-pollution"}, says: []string{"prototype pollution", "request bodie input type field"}},
	{cwes: []int{20, 1284, 1286, 1287}, tags: []string{"input-validation"}, says: []string{"validate input schema", "input validation", "validate every input", "validate imported row schema"}},
	{cwes: []int{269, 250, 266, 276, 272}, tags: []string{"privilege-escalation", "excessive-permissions", "least-privilege"}, says: []string{"least privilege", "dropped privilege", "read-only base", "role operation task", "change role permission"}},
	{cwes: []int{778, 223}, tags: []string{"insufficient-logging", "audit-log"}, says: []string{"audit trail", "append-only", "record who did"}},
	{cwes: []int{1427}, tags: []string{"prompt-injection"}, says: []string{"prompt injection", "foreign content fence", "set of tool fixed", "injected document"}},
}

// How a result comes to a control, as findings say it.
const (
	mappedByHand = "assigned"
	mappedByText = "text"
)

// The least that maps a result: on doubt it is about no control, since a wrong one is believed.
const (
	leastPhrases = 2    // a phrase in the description of a control counts 2, in a facet 1
	leastCosine  = 0.35 // of words weighted by how rare they are among the controls
	leastWords   = 4    // that both have
	leastLead    = 1.2  // before the next best control
)

// controlMap finds the control that a result of a scanner is about.
type controlMap struct {
	ids     []threat.ID
	about   []map[string]bool // words of the description
	words   []map[string]bool // and of the facets
	in      map[string][]int  // places of the controls that have a word
	lengths []float64
	byFault map[int]threat.ID // of weaknesses by place
}

// mapped is a control and how it was found; empty for none.
type mapped struct {
	control threat.ID
	by      string
}

// newControlMap reads the live controls of a head.
func newControlMap(h *head) *controlMap {
	m := &controlMap{in: map[string][]int{}, byFault: map[int]threat.ID{}}
	for i := range h.controls {
		c := &h.controls[i]
		if h.tiers[i] == "" { // orphaned
			continue
		}
		text := []string{c.Description}
		for _, f := range c.Facets {
			text = append(text, f.Text)
		}
		all := wordSet(strings.Join(text, "\n"))
		for w := range all {
			m.in[w] = append(m.in[w], len(m.ids))
		}
		m.ids, m.about, m.words = append(m.ids, c.ID), append(m.about, wordSet(c.Description)), append(m.words, all)
	}
	for _, words := range m.words {
		m.lengths = append(m.lengths, m.length(words))
	}
	return m
}

// weight is how much a word tells controls apart, squared, in whole numbers: sums of fractions would depend on the order of a map.
func (m *controlMap) weight(word string) int {
	n := len(m.in[word])
	if n == 0 {
		return 0
	}
	w := math.Log(1 + float64(len(m.ids))/float64(n))
	return int(1000 * w * w)
}

func (m *controlMap) length(words map[string]bool) float64 {
	sum := 0
	for w := range words {
		sum += m.weight(w)
	}
	return math.Sqrt(float64(sum))
}

// of returns the control a result is about, or none. A weakness that the result names comes first, then one that the rule is tagged with,
// then the words.
func (m *controlMap) of(r *exchange.SARIFResult) mapped {
	for _, n := range r.CWEs {
		if i := slices.IndexFunc(weaknesses, func(w weakness) bool { return slices.Contains(w.cwes, n) }); i >= 0 {
			if id := m.against(i); id != "" {
				return mapped{id, "CWE-" + strconv.Itoa(n)}
			}
		}
	}
	for _, t := range r.Rule.Tags {
		tag := strings.NewReplacer("_", "-", " ", "-").Replace(strings.ToLower(t[strings.LastIndexByte(t, '/')+1:]))
		if i := slices.IndexFunc(weaknesses, func(w weakness) bool { return slices.Contains(w.tags, tag) }); i >= 0 {
			if id := m.against(i); id != "" {
				return mapped{id, "tag " + tag}
			}
		}
	}
	return m.byText(r)
}

// against returns the control with the most to say about a weakness, or "".
func (m *controlMap) against(place int) threat.ID {
	if best, ok := m.byFault[place]; ok {
		return best
	}
	best, most := threat.ID(""), leastPhrases-1
	for i, id := range m.ids {
		score := 0
		for _, phrase := range weaknesses[place].says {
			words := wordSet(phrase)
			switch {
			case subset(words, m.about[i]):
				score += 2
			case subset(words, m.words[i]):
				score++
			}
		}
		if score > most {
			best, most = id, score
		}
	}
	m.byFault[place] = best
	return best
}

// byText returns the control that shares enough rare words with the rule and the message, well before any other.
func (m *controlMap) byText(r *exchange.SARIFResult) mapped {
	words := wordSet(strings.Join([]string{r.Rule.ID, r.Rule.Text, r.Message}, "\n"))
	length := m.length(words)
	common, shared := map[int]int{}, map[int]int{}
	for w := range words {
		weight := m.weight(w)
		for _, i := range m.in[w] {
			common[i]++
			shared[i] += weight
		}
	}
	best, second, at := 0.0, 0.0, -1
	for i := range m.ids {
		if common[i] < leastWords {
			continue
		}
		switch cosine := float64(shared[i]) / (length * m.lengths[i]); {
		case cosine > best:
			best, second, at = cosine, best, i
		case cosine > second:
			second = cosine
		}
	}
	if at < 0 || best < leastCosine || best < leastLead*second {
		return mapped{}
	}
	return mapped{m.ids[at], mappedByText}
}
