package compliance

import (
	"strings"
	"sync"
)

// silent are words that say nothing of what a control is about.
const silent = `a about above after again against all alone along already also although always an and another any anything are as at away
be because been before behind being below beside best better between both but by can cannot carry come comes could did do does done
down during each either else enough even ever every everything few first for from get gets give given gives go goes good had has have
having held her here his hold holds how i if in instead into is it its itself just keep keeps kept know known least less let lets like
likely made make makes many may me mean means more most much must my name names need needed needs neither never no nobody none nor not
nothing now of off often on once one ones only onto or other others our out over own part per place put rather really say says see seen
set sets shall she should so some somebody someone something still such take taken takes than that the their them then there these they
thing things this those through thus to together too two under until up upon us use used uses using very was way we well were what
whatever when where whether which while who whoever whole whom whose why will with within without would yet you your
application system thing verify ensure example case kind
two three four five six seven eight nine ten twelve twenty thirty fifty hundred second minute hour day week month caller customer member
person people user requirement`

// synonyms are groups of words and phrases of one meaning, in the language of controls, code and standards. A line is a group.
const synonyms = `
login = sign-in, signin, log in, logged in, logs in, sign in, signed in, signs in, logon, sign-on, signing in, logging in
logout = sign-out, signout, log out, logged out, logged off, log off, sign out, signs out, sign off
signup = sign-up, registration, register, sign up, enrolment, enrollment, enroll, enrol
password = passphrase, pass phrase, passwd, passwords
second factor = mfa, 2fa, multi-factor, multifactor, two-factor, two factor, two-step verification, strong authentication
authorization = authorise, permission, access right, access rights, access rule, access control, rights, grants, entitlement
allowlist = allow-list, allow list, whitelist, permitted list, safelist
denylist = deny list, deny-list, blocklist, block list, blacklist
sql = database query, prepared statement, bound parameter, bound parameters, bind variable
xss = cross-site scripting, cross site scripting, script injection
csrf = cross-site request forgery, anti-forgery, antiforgery, xsrf, request forgery, anti forgery
ssrf = server-side request forgery
csp = content-security-policy, content security policy
hsts = strict-transport-security, strict transport security
coop = cross-origin-opener-policy, opener policy
csprng = crypto rand, secure random, cryptographically secure, secure random source, random bytes, random bits, getrandom, unguessable
tls = ssl, https, encrypted connection, encrypted channel, transport encryption, encryption in transit
mutual tls = mtls, client certificate, client certificates, tls client authentication
jwt = json web token, self-contained token, bearer token, signed token
id token = id_token, identity token
idp = identity provider, openid provider, federated, federation, single sign-on, sso
otp = one-time password, one-time code, one-time codes, totp, verification code
sms = text message, text messages, pstn
recovery code = lookup secret, lookup secrets, backup code, backup codes, recovery codes
webauthn = passkey, passkeys, fido, fido2, security key
biometric = fingerprint, face recognition, face id, touch id
email = mail, e-mail, mailbox, e-mail address
document = documentation, documented, docs, handbook, runbook, guide, manual, readme, md
rate limit = throttle, throttling, rate limiting, rate limited, rate limiter, token bucket, slow down
brute force = guessing, credential stuffing, password guessing
log entry = log line, log lines, log entries, audit entry, audit trail, audit log, audit stream
log = logging, logger, logged, logs
secret = credential, api key, api keys
secret manager = vault, key vault, secrets management, secret store, key manager, kms
hsm = hardware security module, pkcs 11, pkcs11, security module
encrypt = encryption, cipher, ciphertext, aes
authenticated encryption = aead, gcm, aes gcm, authenticated mode
iv = nonce, initialisation vector, initialization vector
hash = digest, sha256, sha 256, sha-256
password hash = argon2, argon2id, bcrypt, scrypt, pbkdf2, memory-hard, password hashing
dependency = library, libraries, package, third-party, third party, component, dependencies
vulnerability = vulnerable, cve, flaw, known vulnerable
sbom = software bill of materials, cyclonedx, spdx
lock file = lockfile, go sum, package lock
upload = uploaded, uploads
archive = zip, tar, compressed file, compressed
zip bomb = decompression bomb
image = picture, photo, avatar, thumbnail
path traversal = dot-dot, directory traversal, escape the root, path elements
antivirus = malware, virus, infected, clamav
metadata = exif
html = markup, rich text
sanitize = sanitise, clean, strip, sanitiser, sanitizer, cleaned, neutralise
escape = encode, escaping, encoding, quoting, quotes
validate = validation, validator, check, checked, schema
deserialize = deserialisation, deserialization, deserialiser, pickle, objectinputstream, unmarshal
external entity = xxe, external entities, dtd, doctype
command injection = shell, subprocess, child process, exec command
regex = regular expression, regular expressions, regexp, pattern
template injection = ssti, template compiler, user-written template
integer overflow = checked arithmetic, wraparound
cors = cross-origin, access-control-allow-origin, cross origin
cookie = set-cookie, cookies
session = sessions, logged-in device
idle timeout = inactivity, inactive, idle
absolute lifetime = absolute expiry, maximum lifetime, hard expiry
expire = expiry, expires, expiration, lifetime, ttl, short-lived, time to live
revoke = revocation, invalidate, withdraw, end sessions, terminate, kill
replay = replayed, reuse, reused, used twice
redirect uri = redirect_uri, redirect address, redirect addresses, callback url
pkce = code_challenge, code_verifier, s256, proof key
scope = scopes
consent = user approval
audience = aud
issuer = iss
tenant = workspace, organisation, tenants, multi-tenant
another user = second user, other user, foreign id, someone else
object = record, records, objects, row
role = roles, rbac
administrator = admin, administration, operator, admins
approval = approve, second person, approver, four eyes, four-eyes, dual control, countersign
step order = transition, transitions, skip steps, reverse steps, order of steps
atomic = atomically, one transaction, same transaction, conditional update, all or nothing
race = race condition, in parallel, parallel, concurrent, concurrency
lock = mutex, locked, locks
quota = ceiling, cap, budget, limit, maximum
denial of service = dos, flood, exhaustion, resource exhaustion, exhaust
automation = bot, bots, robot, scraping, automated
websocket = wss, ws, socket, sockets
graphql = resolver, resolvers
introspection = schema exposure
http method = verb, verbs, http verb, methods
content type = media type, mime, mime type
request smuggling = desync
header = headers, header field
forwarded address = x-forwarded-for, real ip, x-real-ip, client address
proxy = load balancer, reverse proxy, edge, gateway
redirect = redirection, redirects
browser storage = localstorage, sessionstorage, indexeddb, web storage
cache control = cache-control, no-store, uncacheable
cache = caching, cached, caches
mask = redact, redaction, masked, redacts, last four
retention = erasure, erase, purge, deletion
personal data = pii, personal, privacy
sensitive data = sensitive, confidential
analytics = tracker, trackers, tracking, telemetry
classification = classified, classes, data catalogue, protection level
debug = debugging, debugger
directory listing = autoindex, directory index, directory browsing
version information = server_tokens, server tokens, x-powered-by, banner
diagnostics = metrics, monitoring endpoint, pprof, profiles, health check
service account = machine identity, workload identity, service identity
least privilege = least-privilege, narrowly scoped, minimal permissions, lowest permissions
egress = outbound, outgoing
timeout = timeouts, time limit, time limits
connection pool = pool, pools, pooling
circuit breaker = breaker, fallback, degrade, degradation
fail closed = fail safe, fails closed, fail secure
panic = unhandled exception, uncaught, crash
error message = generic message, generic error, stack trace, stack traces
sandbox = sandboxed, isolation, isolated, container
risky component = dangerous functionality, hostile code, foreign code
mass assignment = overposting, over-posting, unknown fields
prototype pollution = __proto__, prototype
strict equality = type juggling, strict comparison, triple equals
subresource integrity = sri, integrity attribute
framing = frame-ancestors, clickjacking, iframe, frames
webrtc = sfu, media server, srtp, rtp
turn = coturn, relay, turn server
signaling = signalling, call setup
media = voice, video, audio, call
branch protection = default branch, primary branch, main branch, protected branch
code review = reviewed change, pull request review, human approval
pipeline = ci, ci cd, build pipeline
release = releases, released
signature = sign, signed, signing, signatures, signs
license = licence, licences, licenses
security contact = security md, security txt, disclosure
`

// document is the meaning that tells a control on documents from one on code.
const document = "=document"

// dictionary holds what the words of a text are brought to.
type dictionary struct {
	silent  map[string]bool
	phrases map[string]string // stems, with blanks between → the term of the meaning
	longest map[string]int    // by its first stem, words of the longest phrase
}

// english is the dictionary, read once.
var english = sync.OnceValue(newDictionary)

func newDictionary() *dictionary {
	d := &dictionary{silent: map[string]bool{}, phrases: map[string]string{}, longest: map[string]int{}}
	for _, w := range strings.Fields(silent) {
		d.silent[w], d.silent[stem(w)] = true, true
	}
	for line := range strings.Lines(synonyms) {
		first, others, ok := strings.Cut(strings.TrimSpace(line), " = ")
		if !ok {
			continue
		}
		meaning := "=" + strings.ReplaceAll(first, " ", "_") // no word looks like this
		for _, phrase := range append(strings.Split(others, ", "), first) {
			var stems []string
			for _, part := range split(phrase) {
				stems = append(stems, stem(part))
			}
			d.phrases[strings.Join(stems, " ")] = meaning
			d.longest[stems[0]] = max(d.longest[stems[0]], len(stems))
			if len(stems) > 1 { // "sign-in" is written "signin" too
				d.phrases[stem(strings.Join(split(phrase), ""))] = meaning
			}
		}
	}
	return d
}
