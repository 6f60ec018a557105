package builtin

import (
	"slices"
	"strings"
	"testing"
)

// labelled is a sentence with the signals that a person read in it, and some that are not in it however much its words
// look like them. A signal in denies must be understood as ruled out.
type labelled struct {
	text   string
	has    string
	hasNot string
	denies string
}

// The labels were written from the sentences, before the detector was run on them.
func sentences() []labelled {
	return []labelled{
		// plain affirmations
		{text: "Users log in with a username and password.", has: "auth.password auth.login", hasNot: "auth.mfa auth.oauth"},
		{text: "We expose a REST API for partners.", has: "api.rest context.exposed"},
		{text: "The mobile apps talk to a GraphQL gateway.", has: "client.mobile api.graphql"},
		{text: "Customers upload photos and we store them in an S3 bucket.", has: "input.upload store.object"},
		{text: "Data is kept in PostgreSQL and cached in Redis.", has: "store.sql store.cache", hasNot: "store.nosql"},
		{text: "Payments go through Stripe; webhooks from Stripe confirm them.", has: "money.provider money.payment hook.in"},
		{text: "Patients can see their lab results and prescriptions.", has: "data.health data.sensitive data.pii"},
		{text: "The thermostat sends readings over MQTT and gets OTA updates.", has: "iot.device iot.ota"},
		{text: "An LLM answers questions over our documents with retrieval augmented generation.", has: "ai.llm ai.rag"},
		{text: "The agent can call tools through the Model Context Protocol.", has: "ai.tools ai.llm"},
		{text: "Each tenant has its own workspace.", has: "tenancy"},
		{text: "Administrators use an admin panel to ban users.", has: "admin.console"},
		{text: "Support staff can impersonate a customer.", has: "admin.support"},
		{text: "Tokens are signed JWTs with a lifetime of ten minutes.", has: "auth.jwt"},
		{text: "Anyone with the link can open the album.", has: "input.sharelink"},
		{text: "Employees sign in through SAML single sign-on.", has: "auth.saml auth.login"},
		{text: "Drivers share their live location with the dispatcher.", has: "data.location"},
		{text: "We run on Kubernetes in AWS and deploy with GitHub Actions.", has: "cloud.kubernetes context.cloud build.ci"},
		{text: "Private keys stay in an HSM.", has: "key.hsm key.encryption"},
		{text: "The door unlocks after Bluetooth pairing with the phone.", has: "iot.ble"},
		{text: "Members vote in the yearly election; votes are counted at midnight.", has: "civic.vote"},
		{text: "Sellers list goods on the marketplace and buyers bid in auctions.", has: "commerce.market"},
		{text: "Guests book a room; we show the free rooms.", has: "commerce.booking"},
		{text: "We send SMS codes through Twilio.", has: "mail.sms"},
		{text: "Users chat with each other in private messages.", has: "chat"},
		{text: "Video calls use WebRTC with a TURN server.", has: "chat.rtc"},
		{text: "Plugins written by third parties extend the editor.", has: "ext.plugin"},
		{text: "Reports are rendered as PDF with a headless browser.", has: "input.media"},
		{text: "Users paste an address and we show a link preview.", has: "input.fetch"},
		{text: "Smart contracts on Ethereum hold the funds.", has: "money.crypto"},
		{text: "Secrets live in a secret manager.", has: "key.secret", hasNot: "key.encryption"},
		{text: "Data is encrypted with a key that rotates yearly.", has: "key.encryption"},
		{text: "A password manager with a browser extension.", has: "key.vault client.extension", hasNot: "auth.password"},
		{text: "Login with Google.", has: "auth.oauth"},
		{text: "The bot reviews pull requests and runs untrusted code.", has: "code.repo ai.codeexec"},
		{text: "A nightly job computes invoices.", has: "biz.cron money.invoice"},
		{text: "Children under 13 need parental consent.", has: "data.children"},
		{text: "Feature flags switch the new checkout on.", has: "biz.flags money.payment"},
		{text: "We train a model on past tickets and fine-tune it weekly.", has: "ai.training"},
		{text: "The command line tool stores a token in the home directory.", has: "client.cli"},
		{text: "Faces are matched against biometric templates.", has: "data.biometric"},
		{text: "Messages are end-to-end encrypted.", has: "key.e2e"},
		{text: "Every change lands in a tamper-evident audit log.", has: "log.audit"},
		{text: "Users’ e-mail addresses and phone numbers are stored.", has: "data.pii"},
		{text: "The service calls the API of a credit bureau.", has: "integration.third"},
		{text: "It is an internal tool, only reachable over the VPN.", has: "context.internal", hasNot: "context.public"},
		{text: "Players earn virtual currency and climb the leaderboard.", has: "game.economy"},

		// inflection, case, punctuation, line breaks
		{text: "FILES ARE UPLOADED BY USERS.", has: "input.upload"},
		{text: "Webhooks\nfrom GitHub start the build.", has: "hook.in"},
		{text: "api\nkeys are rotated.", has: "auth.apikey"},
		{text: "Single-page application, cookie-based session.", has: "web.ui auth.session"},
		{text: "We use “OAuth 2.0” with PKCE!", has: "auth.oauth"},

		// negation
		{text: "There are no passwords.", hasNot: "auth.password", denies: "auth.password"},
		{text: "It works without cookies, sessions or passwords.", hasNot: "auth.password auth.session", denies: "auth.password"},
		{text: "No passwords, cookies or sessions are used; users sign in with passkeys.", has: "auth.passkey", hasNot: "auth.password", denies: "auth.password"},
		{text: "The service does not use a database.", hasNot: "store.sql", denies: "store.sql"},
		{text: "We never store card numbers.", hasNot: "money.card", denies: "money.card"},
		{text: "Card numbers never touch our servers.", hasNot: "money.card", denies: "money.card"},
		{text: "Passkeys instead of passwords.", has: "auth.passkey", hasNot: "auth.password", denies: "auth.password"},
		{text: "It uses magic links rather than passwords.", has: "auth.recovery", hasNot: "auth.password", denies: "auth.password"},
		{text: "Out of scope: mobile apps, SMS and payments.", hasNot: "client.mobile mail.sms money.payment", denies: "client.mobile mail.sms money.payment"},
		{text: "Mobile apps are out of scope, but the web app is in.", has: "web.ui", hasNot: "client.mobile", denies: "client.mobile"},
		{text: "Out of scope:\n\n- mobile apps\n- payments\n\nThe web app uploads files.", has: "web.ui input.upload", hasNot: "client.mobile money.payment", denies: "client.mobile money.payment"},
		{text: "## Out of scope\n\nMobile apps. Payments.\n\n## Storage\n\nPostgreSQL.", has: "store.sql", denies: "client.mobile money.payment"},
		{text: "Cookie-free, JWT-based API.", has: "auth.jwt", hasNot: "auth.session"},
		{text: "Mobile apps, SMS and push notifications are not supported.", denies: "client.mobile mail.sms mail.push"},
		{text: "It is cloud-only, no physical access.", has: "context.cloud", hasNot: "context.physical", denies: "context.physical"},
		{text: "The feature doesn’t use GraphQL but offers a REST API.", has: "api.rest", hasNot: "api.graphql", denies: "api.graphql"},
		{text: "The API is not public.", hasNot: "context.public", denies: "context.public"},
		{text: "Neither passwords nor SMS codes are accepted.", denies: "auth.password mail.sms"},
		{text: "It no longer uses passwords.", denies: "auth.password"},
		{text: "There is no need for passwords.", denies: "auth.password"},
		{text: "No payments, no file uploads, and no mobile app.", denies: "money.payment input.upload client.mobile"},
		{text: "No personal data is stored. However, health records are.", has: "data.health", hasNot: ""},
		{text: "No database; Redis holds the state.", has: "store.cache", hasNot: "store.sql"},

		{text: "Users without a password get a magic link.", has: "auth.recovery", hasNot: "auth.password", denies: "auth.password"},
		{text: "Logs contain no personal data.", denies: "data.pii"},
		{text: "There's no admin; the API is read-only and has no authentication.", has: "api.rest", denies: "admin.console auth.login"},
		{text: "Payments aren't part of this feature.", denies: "money.payment"},
		{text: "The tool has neither a web interface nor a mobile app.", denies: "web.ui client.mobile"},
		{text: "Nothing here is about payments; we just keep the GPS position of the driver.", has: "data.location"},
		{text: "Not in scope: chat, video calls.\nIn scope: file uploads.", has: "input.upload", denies: "chat chat.rtc"},
		{text: "- no passwords\n- no cookies and sessions\n- JWT in a header", has: "auth.jwt", denies: "auth.password"},
		{text: "Non-goals: SMS, push notifications. Goals: e-mail notifications by SMTP.", has: "mail.email", denies: "mail.sms mail.push"},
		{text: "The service never sees card numbers or passwords.", denies: "money.card auth.password"},
		{text: "We avoid cookies and use JWT.", has: "auth.jwt"},
		{text: "It does not handle health data, payments or children's data.", denies: "data.health money.payment data.children"},
		{text: "Location data is never collected.", denies: "data.location"},
		{text: "There is no admin panel yet, although support staff can impersonate users.", has: "admin.support", denies: "admin.console"},
		{text: "Without a database, state lives in S3.", has: "store.object", denies: "store.sql"},
		{text: "Unlike before, the system stores passwords with Argon2id, not MD5.", has: "auth.password"},
		{text: "No secrets in code: they come from a secret manager.", has: "key.secret"},
		{text: "No mobile app (only a web app).", has: "web.ui", denies: "client.mobile"},
		{text: "No third-party libraries, no plugins.", denies: "build.deps ext.plugin"},

		// what looks like a negation and is none
		{text: "Not only passwords but also passkeys are supported.", has: "auth.password auth.passkey"},
		{text: "Users log in with no more than two passwords.", has: "auth.password"},
		{text: "No user can read another user's private messages.", has: "chat"},
		{text: "The private key never leaves the HSM.", has: "key.hsm key.encryption"},
		{text: "Passwords are not stored in plaintext.", has: "auth.password"},
		{text: "API keys must not be logged.", has: "auth.apikey"},
		{text: "It shares reports without exposing the database.", has: "store.sql"},
		{text: "No passwords in the app; the admin panel uses a password.", has: "auth.password admin.console"},
		{text: "There is no mobile app, but we have webhooks to customers.", has: "hook.out", denies: "client.mobile"},
		{text: "Users cannot delete audit log entries.", has: "log.audit"},
		{text: "It is not yet clear how payments are split, and refunds matter.", has: "money.payment"},
		{text: "There is no limit on uploads.", has: "input.upload"},
		{text: "We do not trust webhooks from Stripe blindly.", has: "hook.in"},
		{text: "Users do not need to log in again after uploading files.", has: "input.upload"},
		{text: "The database is not reachable from the internet.", has: "store.sql context.internal"},
		{text: "Passwords are not the only factor: TOTP is required.", has: "auth.password auth.mfa"},
		{text: "No one but the patient reads the diagnosis.", has: "data.health"},
		{text: "Backups are no longer than a day old.", has: "store.backup"},
		{text: "API keys do not expire.", has: "auth.apikey"},
		{text: "A refund is not possible after 30 days.", has: "money.payment"},
		{text: "Don't forget: tenants share one Kubernetes cluster.", has: "tenancy cloud.kubernetes"},
		{text: "It isn't only a chatbot; the LLM calls tools.", has: "ai.llm ai.tools"},
		{text: "We don't want users to share passwords by e-mail.", has: "auth.password people.users"},
		{text: "No downtime: PostgreSQL has a replica.", has: "store.sql"},

		// false friends
		{text: "The rest of the day is free.", hasNot: "api.rest"},
		{text: "She typed on her keyboard.", hasNot: "key.secret key.encryption auth.apikey"},
		{text: "The trainer holds a training session every week.", hasNot: "auth.session auth.login"},
		{text: "Draw a raffle token from the hat.", hasNot: "auth.jwt"},
		{text: "Each row has a primary key.", hasNot: "key.secret key.encryption"},
		{text: "A key feature is speed.", hasNot: "key.secret key.encryption"},
		{text: "Real estate agents tour houses.", hasNot: "ai.tools admin.support"},
		{text: "Please be patient.", hasNot: "data.health"},
		{text: "The cloud cover was thick.", hasNot: "context.cloud"},
		{text: "A health check runs every minute.", hasNot: "data.health"},
		{text: "The business model is simple.", hasNot: "ai.llm ai.training"},
		{text: "He ate a chocolate cookie.", hasNot: "auth.session"},
		{text: "The container ship arrived.", hasNot: "cloud.container"},
		{text: "The child process exits with code 1.", hasNot: "data.children"},
		{text: "A queue at the counter.", hasNot: "queue.broker"},
		{text: "The post office is closed.", hasNot: "input.rich"},
		{text: "Order in the court!", hasNot: "commerce.order"},
		{text: "In order to be fast we sort first.", hasNot: "commerce.order"},
		{text: "A secret garden.", hasNot: "key.secret key.encryption"},
		{text: "The agent of change.", hasNot: "ai.tools"},
		{text: "We vote for pizza.", hasNot: "civic.vote"},
		{text: "Public transport in the city.", hasNot: "context.public"},
		{text: "A lambda in the meadow.", hasNot: ""},
		{text: "The account manager calls people on account of their orders.", hasNot: "people.account"},
		{text: "We deploy to our own AWS account.", hasNot: "people.account"},
		{text: "The internal state of the parser.", hasNot: "context.internal"},
		{text: "She will address the meeting.", hasNot: "data.pii"},
	}
}

func TestDetection(t *testing.T) {
	k := engine(t).knowledge
	list := sentences()
	if len(list) < 60 {
		t.Fatalf("%d sentences", len(list))
	}
	state := func(r *reading, id string) string {
		n, ok := k.signalIndex[id]
		if !ok {
			t.Fatalf("the label %q names no signal", id)
		}
		switch {
		case len(r.said[n]) > 0:
			return "said"
		case len(r.denied[n]) > 0:
			return "denied"
		}
		return "silent"
	}
	for _, l := range list {
		r := k.read(l.text)
		for _, id := range strings.Fields(l.has) {
			if s := state(r, id); s != "said" {
				t.Errorf("%q: %s is %s, want said", l.text, id, s)
			}
		}
		for _, id := range strings.Fields(l.hasNot) {
			if s := state(r, id); s == "said" {
				t.Errorf("%q: %s is said", l.text, id)
			}
		}
		for _, id := range strings.Fields(l.denies) {
			if s := state(r, id); s != "denied" {
				t.Errorf("%q: %s is %s, want denied", l.text, id, s)
			}
		}
	}
}

// TestEveryTermIsFound holds that each term of the vocabulary is found where it stands alone, or with its context: no term
// is shadowed by a false friend or lost in tokenising.
func TestEveryTermIsFound(t *testing.T) {
	k := engine(t).knowledge
	for i, s := range k.signals {
		for _, term := range s.Terms {
			text := "Here: " + strings.ReplaceAll(term, "~", "") + "."
			if len(k.read(text).said[i]) == 0 {
				t.Errorf("signal %s: its term %q is not found in %q", s.ID, term, text)
			}
		}
		for _, u := range s.Unclear {
			for _, term := range u.Terms {
				bare := strings.ReplaceAll(term, "~", "")
				for _, near := range u.Near {
					text := "Here " + bare + " zzz " + strings.ReplaceAll(near, "~", "") + "."
					if len(k.read(text).said[i]) == 0 {
						t.Errorf("signal %s: its term %q is not found in %q", s.ID, term, text)
					}
				}
			}
		}
	}
}

func TestBasisQuotesTheText(t *testing.T) {
	k := engine(t).knowledge
	r := k.read("Users sign\n  in with Passwords. PASSWORDS are hashed. There is no physical access to the hosts.")
	if got := r.quote(r.said[k.signalIndex["auth.password"]]); !slices.Equal(got, []string{"Passwords"}) {
		t.Errorf("passwords: %q", got)
	}
	if got := r.quote(r.said[k.signalIndex["auth.login"]]); !slices.Equal(got, []string{"sign in", "Passwords"}) && !slices.Equal(got, []string{"sign in"}) {
		t.Errorf("login: %q", got)
	}
	if got := r.quote(r.denied[k.signalIndex["context.physical"]]); !slices.Equal(got, []string{"no physical access"}) {
		t.Errorf("physical: %q", got)
	}
}

func TestTokensKeepTheirPlaces(t *testing.T) {
	text := "Node.js 2.0 users’ e-mail — naïve «façade»\n- one\n1. two"
	for _, tok := range tokenise(text) {
		if tok.word == "#" {
			continue
		}
		if got := fold(text[tok.start:tok.end]); got != tok.word {
			t.Errorf("%q at %d:%d reads %q", tok.word, tok.start, tok.end, got)
		}
	}
}
