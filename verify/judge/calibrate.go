package judge

import (
	"context"
	"crypto/rand"
	"fmt"
	"math/big"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/threat"
)

// sample is a question whose answer is known.
type sample struct {
	name        string
	description string
	facet       string
	kind        threat.FacetKind
	objective   string
	kindOfClaim evidence.Type
	params      evidence.Params
	code        string
	holds       bool
}

// How many samples each pass asks about.
const (
	falseSamples = 2
	trueSamples  = 1
)

// Calibrate asks a judge about samples with known answers, drawn at random: stubs that must fail and one that must pass. It returns
// how many it asked, and why the pass is void, "" when the judge got all of them right. A judge that gives no answer has not got it
// right.
func Calibrate(ctx context.Context, j Judge) (asked int, void string) {
	chosen, err := draw()
	if err != nil {
		return 0, "no samples could be drawn"
	}
	for _, s := range chosen {
		asked++
		const control, facet = threat.ID("C1"), threat.ID("C1.a")
		subject := evidence.Subject{ID: control, Description: s.description, Facets: []threat.Facet{{ID: facet, Text: s.facet, Kind: s.kind}}}
		claimed := []threat.ID{facet}
		got, err := Decide(ctx, j, subject.NewPrompt(s.kindOfClaim, s.params, claimed, []string{s.objective}), s.code, claimed)
		switch {
		case err != nil:
			return asked, fmt.Sprintf("%s did not answer a question with a known answer: %v", j.Name(), err)
		case s.holds && got.Verdict != evidence.Pass:
			return asked, fmt.Sprintf("%s failed a sample that is known to be right (%s)", j.Name(), s.name)
		case !s.holds && got.Verdict == evidence.Pass:
			return asked, fmt.Sprintf("%s passed a stub that is known to be empty (%s)", j.Name(), s.name)
		}
	}
	return asked, ""
}

// draw picks samples at random, in random order.
func draw() ([]sample, error) {
	var right, wrong []sample
	for _, s := range samples {
		if s.holds {
			right = append(right, s)
		} else {
			wrong = append(wrong, s)
		}
	}
	out := make([]sample, 0, falseSamples+trueSamples)
	for _, from := range []struct {
		list []sample
		n    int
	}{{wrong, falseSamples}, {right, trueSamples}} {
		for range from.n {
			i, err := below(len(from.list))
			if err != nil {
				return nil, err
			}
			out = append(out, from.list[i])
			from.list = append(from.list[:i:i], from.list[i+1:]...)
		}
	}
	for i := len(out) - 1; i > 0; i-- {
		k, err := below(i + 1)
		if err != nil {
			return nil, err
		}
		out[i], out[k] = out[k], out[i]
	}
	return out, nil
}

func below(n int) (int, error) {
	i, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		return 0, err
	}
	return int(i.Int64()), nil
}

// samples are plain cases: a judge that errs on one of them cannot be trusted with any.
var samples = []sample{
	{
		name: "password check that accepts everything", holds: false,
		description: "Passwords are verified against a salted, slow hash before a session starts.",
		facet:       "Sign-in compares the password with the stored bcrypt hash and refuses a wrong one.", kind: threat.BehaviourFacet,
		objective:   "Confidentiality of User Accounts shall be protected from External Attacker",
		kindOfClaim: evidence.FunctionExists, params: evidence.Params{"file": "accounts/signin.py", "name": "verify_password"},
		code: "def verify_password(user, password):\n    # compares with bcrypt in constant time\n    return True\n",
	},
	{
		name: "authorization check whose result is dropped", holds: false,
		description: "Only the owner of a document may delete it.",
		facet:       "The delete handler checks ownership and refuses everybody else.", kind: threat.BehaviourFacet,
		objective:   "Integrity of Documents shall be protected from Authenticated User",
		kindOfClaim: evidence.FunctionCalls, params: evidence.Params{"file": "docs/delete.go", "caller": "handleDelete", "callee": "isOwner"},
		code: "func handleDelete(w http.ResponseWriter, r *http.Request) {\n\tdoc := load(r.PathValue(\"id\"))\n\t_ = isOwner(r.Context(), doc)\n\tstore.Delete(doc.ID)\n\tw.WriteHeader(http.StatusNoContent)\n}\n",
	},
	{
		name: "rate limiter that never limits", holds: false,
		description: "Sign-in attempts are limited for each account.",
		facet:       "After five failures within a minute further attempts on the account are refused.", kind: threat.BehaviourFacet,
		objective:   "Availability of User Accounts shall be protected from External Attacker",
		kindOfClaim: evidence.FunctionExists, params: evidence.Params{"file": "src/limit.ts", "name": "tooManyAttempts"},
		code: "export function tooManyAttempts(account: string): boolean {\n  const attempts = counts.get(account) ?? 0;\n  counts.set(account, attempts + 1);\n  return false; // TODO\n}\n",
	},
	{
		name: "signature check that is skipped", holds: false,
		description: "Webhook deliveries are accepted only with a valid signature.",
		facet:       "The handler verifies the HMAC of the raw body and refuses a delivery whose signature is wrong.", kind: threat.BehaviourFacet,
		objective:   "Integrity of Payment Events shall be protected from External Attacker",
		kindOfClaim: evidence.FunctionExists, params: evidence.Params{"file": "src/webhook.js", "name": "receive"},
		code: "async function receive(req, res) {\n  const signature = req.headers['x-signature'];\n  if (signature) {\n    console.log('signature received');\n  }\n  await apply(JSON.parse(req.body));\n  res.sendStatus(200);\n}\n",
	},
	{
		name: "error that is swallowed", holds: false,
		description: "A request whose token cannot be verified is refused.",
		facet:       "An error of token verification ends the request with 401.", kind: threat.BehaviourFacet,
		objective:   "Confidentiality of Customer Records shall be protected from External Attacker",
		kindOfClaim: evidence.ErrorHandled, params: evidence.Params{"file": "api/auth.py", "function": "authenticate"},
		code: "def authenticate(request):\n    user = None\n    try:\n        user = decode_token(request.headers[\"Authorization\"])\n    except Exception:\n        pass\n    return user or User.anonymous(is_admin=True)\n",
	},
	{
		name: "constant-time comparison of a token", holds: true,
		description: "API tokens are compared without leaking how much of them is right.",
		facet:       "The token's digest is compared in constant time, and a token that differs is refused.", kind: threat.BehaviourFacet,
		objective:   "Confidentiality of API Tokens shall be protected from External Attacker",
		kindOfClaim: evidence.FunctionCalls, params: evidence.Params{"file": "token/check.go", "caller": "Check", "callee": "subtle.ConstantTimeCompare"},
		code: "// Check returns nil when the token is the stored one.\nfunc Check(given string, stored [32]byte) error {\n\tsum := sha256.Sum256([]byte(given))\n\tif subtle.ConstantTimeCompare(sum[:], stored[:]) != 1 {\n\t\treturn ErrRefused\n\t}\n\treturn nil\n}\n",
	},
	{
		name: "query with bound parameters", holds: true,
		description: "Values that users send never become part of a query's text.",
		facet:       "The search passes the user's text to the database as a bound parameter.", kind: threat.BehaviourFacet,
		objective:   "Integrity of Orders shall be protected from External Attacker",
		kindOfClaim: evidence.FunctionExists, params: evidence.Params{"file": "orders/search.py", "name": "search_orders"},
		code: "def search_orders(db, customer_id: int, text: str):\n    return db.execute(\n        \"SELECT id, total FROM orders WHERE customer_id = %s AND note LIKE %s\",\n        (customer_id, f\"%{text}%\"),\n    ).fetchall()\n",
	},
}
