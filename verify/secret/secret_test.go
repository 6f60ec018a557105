package secret

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const (
	alnum  = "a8Zk3QxW7bRt5Yp9LmN2cVd6HjF4gSe1KuXoB0iTzPqJwUyDhGrMvCnEsAfOlI"
	hex    = "3a9f7c1e5b8d2046"
	digits = "7194380562"
	upper  = "K7QX3ZR5WJ2NBT4YM6VHDPGFSCLA"
)

// some draws n characters in a way that looks random and is the same each time. Samples are put together here so that no file
// of the repository holds anything in the form of a credential.
func some(from string, n int) string {
	b := make([]byte, n)
	x := uint32(2463534242)
	for i := range b {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b[i] = from[x%uint32(len(from))]
	}
	return string(b)
}

// samples has a line for each form of each rule.
var samples = map[string][]string{
	"aws-access-key-id":         {"id = AK" + "IA" + some(upper, 16), "AS" + "IA" + some(upper, 16)},
	"aws-secret-access-key":     {"aws_secret_access_key = " + some(alnum, 40), `"SecretAccessKey": "` + some(alnum, 40) + `"`},
	"gcp-api-key":               {"AI" + "za" + some(alnum, 35)},
	"google-oauth-secret":       {"GOC" + "SPX-" + some(alnum, 28)},
	"google-oauth-token":        {"ya" + "29." + some(alnum, 60)},
	"azure-storage-key":         {"AccountName=x;Account" + "Key=" + some(alnum, 86) + "==;EndpointSuffix=core"},
	"azure-client-secret":       {"'abc8" + "Q~" + some(alnum, 34) + "'"},
	"azure-sas":                 {"https://x.blob.core.windows.net/c?sv=2024&si" + "g=" + some(alnum, 43) + "%3D"},
	"azure-devops-token":        {some(alnum, 76) + "AZ" + "DO" + some(alnum, 4)},
	"github-token":              {"gh" + "p_" + some(alnum, 36), "gh" + "s_" + some(alnum, 36)},
	"github-fine-grained-token": {"github" + "_pat_" + some(alnum, 22) + "_" + some(alnum, 59)},
	"gitlab-token":              {"gl" + "pat-" + some(alnum, 20), "gl" + "rt-" + some(alnum, 27)},
	"bitbucket-token":           {"AT" + "ATT3" + some(alnum, 180), "AT" + "BB" + some(alnum, 32)},
	"slack-token":               {"xo" + "xb-" + some(digits, 12) + "-" + some(digits, 12) + "-" + some(alnum, 24), "xa" + "pp-1-" + some(alnum, 40)},
	"slack-webhook":             {"https://hooks.slack" + ".com/services/T" + some(upper, 8) + "/B" + some(upper, 8) + "/" + some(alnum, 24)},
	"discord-webhook":           {"https://discord" + ".com/api/webhooks/" + some(digits, 18) + "/" + some(alnum, 68)},
	"telegram-token":            {some(digits, 9) + ":A" + "A" + some(alnum, 33)},
	"stripe-key":                {"sk" + "_live_" + some(alnum, 24), "rk" + "_test_" + some(alnum, 24)},
	"webhook-signing-secret":    {"wh" + "sec_" + some(alnum, 32)},
	"twilio-key":                {"S" + "K" + some(hex, 32), "TWILIO_AUTH = " + some(hex, 32)},
	"sendgrid-key":              {"S" + "G." + some(alnum, 22) + "." + some(alnum, 43)},
	"mailgun-key":               {"ke" + "y-" + some(hex, 32)},
	"mailchimp-key":             {some(hex, 32) + "-u" + "s12"},
	"npm-token":                 {"np" + "m_" + some(alnum, 36), "//registry.example/:_auth" + "Token=" + some(alnum, 36)},
	"pypi-token":                {"pypi-" + "AgEIcHlwaS5vcmc" + some(alnum, 120)},
	"rubygems-key":              {"ruby" + "gems_" + some(hex, 48)},
	"nuget-key":                 {"oy" + "2" + some("abcdefghijklmnopqrstuvwxyz234567", 43)},
	"crates-token":              {"ci" + "o" + some(alnum, 32)},
	"docker-token":              {"dckr" + "_pat_" + some(alnum, 27)},
	"openai-key":                {"sk" + "-proj-" + some(alnum, 120), "sk" + "-" + some(alnum, 20) + "T3Blbk" + "FJ" + some(alnum, 20), "sk" + "-" + some(alnum, 48)},
	"anthropic-key":             {"sk" + "-ant-" + "api03-" + some(alnum, 93) + "AA"},
	"huggingface-token":         {"h" + "f_" + some(alnum, 34)},
	"digitalocean-token":        {"do" + "p_v1_" + some(hex, 64)},
	"heroku-key":                {"HR" + "KU-" + some(alnum, 60)},
	"shopify-token":             {"sh" + "pat_" + some(hex, 32)},
	"square-token":              {"sq0" + "atp-" + some(alnum, 22), "EA" + "AA" + some(alnum, 60)},
	"vault-token":               {"hv" + "s." + some(alnum, 90)},
	"terraform-token":           {some(alnum, 14) + ".atlas" + "v1." + some(alnum, 67)},
	"databricks-token":          {"da" + "pi" + some(hex, 32)},
	"grafana-token":             {"gl" + "sa_" + some(alnum, 32) + "_" + some(hex, 8), "gl" + "c_" + some(alnum, 80)},
	"newrelic-key":              {"NR" + "AK-" + some(upper, 27), some(hex, 36) + "NR" + "AL"},
	"sentry-token":              {"sn" + "tryu_" + some(hex, 64), "sn" + "trys_" + some(alnum, 80)},
	"postman-key":               {"PM" + "AK-" + some(hex, 24) + "-" + some(hex, 34)},
	"linear-key":                {"lin" + "_api_" + some(alnum, 40)},
	"notion-token":              {"nt" + "n_" + some(alnum, 46), "sec" + "ret_" + some(alnum, 43)},
	"supabase-token":            {"sb" + "p_" + some(hex, 40)},
	"age-key":                   {"AGE-SECRET" + "-KEY-1" + some("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58)},
	"private-key": {
		"-----BEGIN RSA PRIV" + "ATE KEY-----\n" + some(alnum, 64) + "\n", "\"-----BEGIN PRIV" + `ATE KEY-----\n` + some(alnum, 64) + `\n"`,
		"-----BEGIN PGP PRIV" + "ATE KEY BLOCK-----\nVersion: x\n\n" + some(alnum, 64), "-----BEGIN OPENSSH PRIV" + "ATE KEY-----\r\n" + some(alnum, 64),
	},
	"putty-key":                {"PuTTY-User-Key" + "-File-3: ssh-ed25519\nEncryption: none\nPriv" + "ate-Lines: 1\n" + some(alnum, 48)},
	"jwt":                      {"ey" + "J" + some(alnum, 30) + ".ey" + "J" + some(alnum, 60) + "." + some(alnum, 43)},
	"url-password":             {"postgres://app:" + "s3cr3t-pw9@db.internal/app", "redis://:" + "hunter2hunter@10.0.0.1:6379", "amqp://u:" + "p4ss@${HOST}/x"},
	"authorization-header":     {"Authorization" + ": Bearer " + some(alnum, 40), `"Authorization": "Basic ` + some(alnum, 24) + `=="`},
	"redoubt-key":              {"rd" + "k_" + some(alnum, 36)},
	"generic-secret":           {`clientSecret: "` + some(alnum, 32) + `",`, `api_key = '` + some(hex, 32) + `'`, `cfg["access_token"] = "` + some(alnum, 20) + `"`, `const SigningKey = ` + "`" + some(alnum, 40) + "`"},
	"generic-secret-setting":   {"API_KEY=" + some(alnum, 32), "  session-secret: " + some(alnum, 24), "export AUTH_TOKEN=" + some(hex, 40)},
	"generic-password":         {`password = "hun` + `ter2"`, `"db_passwd": "Tr0ub` + `4dor&3"`, `Pwd := "x9!k` + `Lq"`, `setPassword = 'a1b2` + `c3d4'`},
	"generic-password-setting": {"DB_PASSWORD=hun" + "ter2", "  password: s3cr3t" + "pw", "spring.datasource.password=Q7" + "xx1z"},
}

func TestEachRuleFindsItsForm(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Rules() {
		if seen[r.ID] {
			t.Errorf("rule %s is there twice", r.ID)
		}
		seen[r.ID] = true
		if r.Title == "" || r.Source == "" || len(r.Keywords) == 0 {
			t.Errorf("rule %s does not say what it is", r.ID)
		}
		if len(samples[r.ID]) == 0 {
			t.Errorf("rule %s has no sample", r.ID)
		}
		for _, sample := range samples[r.ID] {
			for _, text := range []string{sample, "first\r\n" + sample + "\r\nlast\r\n", "/* " + sample + " */"} {
				if strings.HasSuffix(r.ID, "-setting") && strings.HasPrefix(text, "/*") {
					continue // a setting has a line of its own
				}
				found := false
				for _, h := range Find([]byte(text)) {
					found = found || h.Rule == r.ID && h.Line == 1+strings.Count(text[:strings.Index(text, sample)], "\n")+lineWithin(r.ID, sample)
				}
				if !found {
					t.Errorf("%s does not find its form in %q: %v", r.ID, text, Find([]byte(text)))
				}
			}
		}
	}
	if len(seen) < 40 {
		t.Errorf("%d rules", len(seen))
	}
}

// lineWithin is how many lines into a sample the credential begins.
func lineWithin(rule, sample string) int {
	if rule == "private-key" || rule == "putty-key" {
		return strings.Count(strings.TrimSuffix(sample, "\n"), "\n")
	}
	return 0
}

// A keyword that a match can do without would hide the match.
func TestKeywordsAreOfTheirRules(t *testing.T) {
	for _, r := range Rules() {
		for _, k := range r.Keywords {
			if k != strings.ToLower(k) {
				t.Errorf("keyword %q of %s is not lower case", k, r.ID)
			}
		}
		re := regexp.MustCompile(r.Pattern)
		for _, sample := range samples[r.ID] {
			has := slices.ContainsFunc(r.Keywords, func(k string) bool { return strings.Contains(strings.ToLower(sample), k) })
			if re.MatchString(sample) && !has {
				t.Errorf("%s matches %q, which has none of its keywords", r.ID, sample)
			}
		}
	}
}

// Each keyword brings its line to its rule, in either case and at either end of the text.
func TestKeywordsAreFound(t *testing.T) {
	if n := len(keywords().words); n > 255 {
		t.Fatalf("%d pairs of first bytes do not fit in a byte", n)
	}
	for i, r := range Rules() {
		for _, k := range r.Keywords {
			for _, text := range []string{k + "='v'", "x\n" + strings.ToUpper(k) + "='v'\ny", "='v'\n\n='v'" + k} {
				before := text[:strings.Index(strings.ToLower(text), k)]
				from := strings.LastIndexByte(before, '\n') + 1
				to := len(text)
				if n := strings.IndexByte(text[from:], '\n'); n >= 0 {
					to = from + n
				}
				want := span{from, to}
				if r.Lines {
					want = span{0, len(text)}
				}
				if got := candidates([]byte(text), lineStarts([]byte(text)))[i]; !slices.Equal(got, []span{want}) {
					t.Errorf("%s looks at %v of %q, not at %v", r.ID, got, text, want)
				}
			}
		}
	}
}

func TestNoCredential(t *testing.T) {
	for _, text := range []string{
		"AKIA" + "IOSFODNN7EXAMPLE", "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "AKIAIOSFODNN",
		`password = "changeme"`, `password: "${DB_PASSWORD}"`, "DB_PASSWORD=$DB_PASSWORD", "DB_PASSWORD=${DB_PASSWORD:-}", `password = "<your-password>"`,
		`api_key = "xxxxxxxxxxxxxxxxxxxxxxxx"`, `token = os.environ["API_TOKEN"]`, `token: "{{ .Values.token }}"`, `secret: vault:secret/data/app#password1`,
		`password = getenv("PASSWORD_1")`, `api_key: !Ref ApiKeyParameter1`, `client_secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:x1"`,
		`passwordFile: "/run/secrets/db1"`, `tokenUrl: "https://id.example.net/oauth2/v1/token"`, `secretName: "app-credentials-v2-77abc9"`,
		`"password": "password"`, `passwordKey = "userPassword"`, `type: "password"`, `tokenizer = "bert-base-uncased"`, `const password = "";`,
		"-----BEGIN PRIV" + "ATE KEY-----", `strings.Contains(s, "-----BEGIN RSA PRIV` + `ATE KEY-----")`, "-----BEGIN CERTIFICATE-----\n" + some(alnum, 64),
		"https://example.com/path@x", "https://user@example.com", "postgres://app:${PW}@db/app", "postgres://app:<password>@db/app", "mailto:a@b.c",
		"http://host:8080/x?y=a@b", "Authorization: Bearer $TOKEN", "Authorization: Bearer <token>", "Authorization: Bearer " + strings.Repeat("x", 32),
		"sk-" + "short", "gh" + "p_" + strings.Repeat("0", 36), "integrity sha512-" + some(alnum, 86) + "==", "commit " + some(hex, 40),
		"password: str", "def f(password: Optional[str] = None):", "the password is wrong", "GITHUB_TOKEN: ${{ secrets.GITHUB_TOKEN }}", "secret: process.env.SECRET_1,",
		`password = "pw" + "x"`, "token = base64.urlsafe_b64encode(os.urandom(32))", "passwd:x:1:2", "API_KEY=your_api_key_goes_here1", "password=%s", "password: '%(db_password1)s'",
	} {
		if hits := Find([]byte(text)); len(hits) > 0 {
			t.Errorf("%q: %v", text, hits)
		}
	}
}

func TestEntropy(t *testing.T) {
	for s, want := range map[string]float64{"": 0, "aaaa": 0, "abab": 1, "abcd": 2, "abcdefgh": 3} {
		if got := entropy(s); got != want {
			t.Errorf("entropy(%q) = %v, want %v", s, got, want)
		}
	}
}

// A credential is found wherever it stands, and its text is in nothing that is said of it.
func TestFoundAnywhere(t *testing.T) {
	var ids []string
	for _, r := range Rules() {
		ids = append(ids, r.ID)
	}
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.SampledFrom(ids).Draw(t, "rule")
		sample := rapid.SampledFrom(samples[id]).Draw(t, "sample")
		lines := rapid.SliceOfN(rapid.StringMatching(`[a-z ,;(){}=+-]{0,40}`), 0, 20).Draw(t, "lines")
		at := rapid.IntRange(0, len(lines)).Draw(t, "at")
		all := append(append(append([]string{}, lines[:at]...), sample), lines[at:]...)
		text := strings.Join(all, "\n")
		for _, h := range Find([]byte(text)) {
			if h.Rule == id && h.Line == at+1+lineWithin(id, sample) {
				if strings.Contains(fmt.Sprint(h), sample) {
					t.Fatalf("%v tells the credential", h)
				}
				return
			}
		}
		t.Fatalf("%s not found on line %d of %q", id, at+1, text)
	})
}

func FuzzFind(f *testing.F) {
	for _, all := range samples {
		f.Add([]byte(all[0]))
	}
	f.Add([]byte("İ password = \"x9!kLq\"\n\xff\xfe"))
	f.Fuzz(func(t *testing.T, text []byte) {
		last := 1
		for _, h := range Find(text) {
			if h.Line < last || h.Line > 1+strings.Count(string(text), "\n") {
				t.Fatalf("line %d", h.Line)
			}
			last = h.Line
		}
	})
}

func BenchmarkFind(b *testing.B) {
	text := []byte(strings.Repeat("func handle(w http.ResponseWriter, r *http.Request) { // reads the token of the session\n\tkey := r.FormValue(\"key\")\n", 5_000))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		Find(text)
	}
}
