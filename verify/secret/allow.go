package secret

import (
	"regexp"
	"strings"
	"unicode"
)

// standIns are words that a person writes where a credential would be. They are long enough that a random credential of the
// forms that the rules know does not hold one by chance.
var standIns = []string{
	"example", "placeholder", "changeme", "change-me", "change_me", "changeit", "replaceme", "replace-me", "replace_me", "replace-with", "replace_with",
	"insert-your", "insert_your", "your-", "your_", "yourkey", "yourtoken", "yourpassword", "yoursecret", "dummy", "redacted", "notasecret", "not-a-secret",
	"not_a_secret", "fake-", "fake_", "fakekey", "sample-", "sample_", "xxxx", "****", "....", "____", "----", "0123456789", "1234567890", "abcdefgh", "deadbeef",
}

// filledIn are the forms of a text that something else fills in.
var filledIn = regexp.MustCompile(`^(?:<[^>]*>|\$\{.*|\$\(.*|\$[A-Za-z_][A-Za-z0-9_.:]*|\{\{.*|\{[A-Za-z_][\w.:!-]*\}|%[A-Za-z_]\w*%|%\([^)]*\)s?|%[sdvqx]|\[[A-Za-z_ -]+\]|@[A-Za-z_.]+@|#\{.*)$`)

// isPlaceholder reports whether a text stands for a credential without being one.
func isPlaceholder(s string) bool {
	trimmed := strings.Trim(s, `"'`)
	if trimmed == "" || filledIn.MatchString(trimmed) {
		return true
	}
	lower := strings.ToLower(trimmed)
	for _, w := range standIns {
		if strings.Contains(lower, w) {
			return true
		}
	}
	return isRepeated(lower)
}

// isRepeated reports whether, behind its prefix, a text is one or two characters over and over.
func isRepeated(s string) bool {
	if i := strings.LastIndexAny(s, "_-."); i >= 0 && len(s)-i > 8 {
		s = s[i+1:]
	}
	kinds := map[rune]bool{}
	for _, r := range s {
		kinds[r] = true
		if len(kinds) > 2 {
			return false
		}
	}
	return true
}

// reference is a text that says where the credential is kept.
var reference = regexp.MustCompile(`(?i)^(?:vault|ssm|secretsmanager|awssm|gcpsm|op|sm|keyring|env|file|azurekeyvault|kms|sops|enc|ref\+?\w*|valuefrom|doppler)[:+(]|` +
	`^arn:aws|^projects/[^/]+/secrets/|^/run/secrets/|^https?://|^(?:secrets|vars|env|inputs|process\.env|os\.environ|config|settings|var|local|data|module|self|this|params|args|options|opts|cfg|conf|ctx|req|request|response|user|account|form|body|event|props|state)[.\[]|` +
	`getenv|environ|@Microsoft\.KeyVault|^!(?:Ref|Sub|GetAtt|ImportValue|vault|secret)|^ENC\[|^\$ANSIBLE_VAULT`)

func isReference(s string) bool { return reference.MatchString(s) }

// isWord reports whether a text reads as a name or a word of a program and not as something drawn at random: letters alone, in
// parts joined by one kind of sign, or a call.
func isWord(s string) bool {
	if strings.HasSuffix(s, "()") || strings.HasSuffix(s, ")") && strings.Contains(s, "(") {
		return true
	}
	letters := 0
	for _, r := range s {
		switch {
		case unicode.IsLetter(r):
			letters++
		case strings.ContainsRune("._-/:[]", r):
		default:
			return false
		}
	}
	return letters > 0
}

// aboutCredential are the last words of names that hold something about a credential, not the credential.
var aboutCredential = func() map[string]bool {
	words := map[string]bool{}
	for _, w := range strings.Fields(`name names id ids file files path paths url uri endpoint ref refs type kind length len size ttl
		expiry expires expiration expire at age field header label hint prefix suffix regex regexp pattern policy algorithm alg format
		provider store manager service class issuer audience scope scopes count limit max min timeout placeholder error message msg title
		help text description desc rule rules version arn selector column param parameter attribute enabled required`) {
		words[w] = true
	}
	return words
}()

// namesCredential reports whether a name ends as the name of a credential does: "dbPassword", and not "passwordFile".
func namesCredential(name string) bool {
	words := nameWords(name)
	return len(words) == 0 || !aboutCredential[words[len(words)-1]]
}

// nameWords cuts a name at signs and changes of case, in lower case.
func nameWords(name string) []string {
	var b strings.Builder
	var last rune
	for _, r := range name {
		if unicode.IsUpper(r) && unicode.IsLower(last) {
			b.WriteByte(' ')
		}
		last = r
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			b.WriteRune(unicode.ToLower(r))
		} else {
			b.WriteByte(' ')
		}
	}
	return strings.Fields(b.String())
}
