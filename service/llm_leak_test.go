package service_test

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/internal/testenv/live"
	"github.com/redoubt-dev/redoubt/llm"
	"github.com/redoubt-dev/redoubt/llm/llmtest"
	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/service"
)

// The marks of what must not get about: of the key every piece that would tell it.
const (
	promptMark = "PROMPT-walrus-4711"
	answerMark = "ANSWER-heron-0815"
)

func marks() []string {
	out := []string{promptMark, answerMark, base64.StdEncoding.EncodeToString([]byte(live.LLMKey))[:12]}
	for i := 0; i+8 <= len(live.LLMKey); i += 4 {
		out = append(out, live.LLMKey[i:i+8])
	}
	return out
}

// In whatever way a call of the language model ends, neither the key nor the prompt nor the answer is in what comes out of the program or
// lies in its database, but for the answers in the cache.
func TestNothingOfALanguageModelLeaks(t *testing.T) {
	echo := "key " + live.LLMKey + " encoded " + base64.StdEncoding.EncodeToString([]byte(live.LLMKey)) + " prompt " + promptMark + " answer " + answerMark
	raw, err := json.Marshal(map[string]any{"error": map[string]any{"message": echo, "param": echo}})
	if err != nil {
		t.Fatal(err)
	}
	good := `{"fact":"` + answerMark + `"}`
	filtered := llmtest.Filtered()
	filtered.Text = echo
	limited := llmtest.RateLimited("3")
	limited.Message = echo
	reset, cut, twice := llmtest.Reply{Reset: true}, llmtest.Answer(good), llmtest.Answer(good+good)
	cut.Cut = true
	ended := llmtest.Answer(good)
	ended.Finish = echo
	cases := map[string]struct {
		reply llmtest.Reply
		fails bool
	}{
		"answered":       {llmtest.Answer(good), false},
		"rejected":       {llmtest.Answer(`{"fact":"wrong ` + answerMark + `"}`), true},
		"unauthorized":   {llmtest.Unauthorized(echo), true},
		"rate limited":   {limited, true},
		"broken":         {llmtest.Reply{Status: 500, Raw: string(raw)}, true},
		"page":           {llmtest.Reply{Status: 502, Raw: "<html>" + echo}, true},
		"not JSON":       {llmtest.Reply{Raw: echo}, true},
		"other protocol": {llmtest.Reply{Raw: `{"choices":"` + echo + `"}`}, true},
		"bad request":    {llmtest.Reply{Status: 400, Message: echo, Param: echo}, true},
		"redirect":       {llmtest.Reply{Status: 307, Header: map[string]string{"Location": "http://" + live.LLMKey + "/" + promptMark}}, true},
		"refused":        {llmtest.Refused(echo), true},
		"filtered":       {filtered, true},
		"cut off":        {llmtest.Truncated(good + good), true},
		"ended":          {ended, true},
		"no object":      {llmtest.Answer(answerMark), true},
		"two objects":    {twice, true},
		"reset":          {reset, true},
		"half a reply":   {cut, true},
		"huge":           {llmtest.Answer(strings.Repeat(answerMark, 300_000)), true},
	}

	var reply llmtest.Reply
	play := llmtest.OpenAI(t, func(llmtest.Request) llmtest.Reply { return reply })
	database := testenv.SQLite(t)
	var svc *service.Service
	var who account.Principal
	var name string
	var asked error
	asking := engineFunc(func(ctx context.Context, _ pipeline.Request) (pipeline.Output, error) {
		_, asked = svc.LLMFor(who, "generate_threat_model").Complete(ctx, llm.Request{
			System: "system " + promptMark, Prompt: promptMark + name, Schema: factSchema, Check: func(a llm.Answer) error {
				if strings.Contains(a.Text, "wrong") {
					return errors.New("wrong: " + a.Text)
				}
				return nil
			},
		})
		return pipeline.Output{}, asked
	})
	expert, err := live.Expert()
	if err != nil {
		t.Fatal(err)
	}
	env := live.StartOver(t, service.Config{
		Store: testenv.Open(t, database, nil), Engines: []pipeline.Engine{expert, asking}, LLM: live.LLM(t, play.URL),
		Log: zerolog.Nop().Level(zerolog.TraceLevel),
	})
	admin := env.NewUser(t, account.Admin)
	svc, who = env.Service, admin.Who
	search := func(texts ...string) {
		t.Helper()
		for _, text := range texts {
			for _, mark := range marks() {
				if i := strings.Index(text, mark); i >= 0 {
					t.Errorf("%s: %q is in %q", name, mark, text[max(0, i-200):min(len(text), i+60)])
				}
			}
		}
	}
	for n, tt := range cases {
		name, reply, asked = n, tt.reply, nil
		// The engine proposes nothing, so that the job fails either way: with the model's error, or for want of assets.
		job, te := admin.Try("generate_threat_model", live.Args{"feature_description": "A web shop with orders and customers in a database.", "wait_seconds": 50})
		if te == nil || (asked != nil) != tt.fails {
			t.Fatalf("%s: %s, %v; the call ended with %v", name, job, te, asked)
		}
		search(fmt.Sprintf("%v %+v %#v %s", te, te, te, te.Message+te.Hint+te.Field), env.Log.String())
		if asked != nil {
			search(asked.Error(), fmt.Sprintf("%v %+v", asked, asked))
		}
	}
	name = "in the end"
	if !strings.Contains(env.Log.String(), "served") {
		t.Error("the log does not hold everything")
	}
	for _, kind := range []string{"auth", "rate_limited", "unavailable", "config"} {
		if !strings.Contains(env.Log.String(), `"kind":"`+kind+`"`) {
			t.Errorf("the operator does not read of a call that failed as %s", kind)
		}
	}
	for path, word := range map[string]string{
		"/metrics":                   `redoubt_llm_calls_total{operation="generate_threat_model",outcome="refused"} 2`,
		"/api/v1/activity?limit=200": "generate_threat_model",
		"/api/v1/activity/export":    "generate_threat_model",
		"/api/v1/usage":              fmt.Sprintf(`"failed":%d`, len(cases)-1),
	} {
		r := admin.Do("GET", path, nil)
		if !strings.Contains(string(r.Body), word) {
			t.Errorf("%s does not hold %s: %d %s", path, word, r.Status, r.Body)
		}
		search(string(r.Body))
	}
	search(cells(t, database)...)
}

// The search can fail: what is kept is in the database, and would be found but for the one column it belongs in.
func TestKeptAnswersAreInTheCacheAlone(t *testing.T) {
	database := testenv.SQLite(t)
	play := llmtest.OpenAI(t, llmtest.Texts(answerMark))
	env := live.StartOver(t, service.Config{Store: testenv.Open(t, database, nil), LLM: live.LLM(t, play.URL)})
	u := env.NewUser(t, account.Developer)
	if _, err := env.Service.LLMFor(u.Who, "query_threat_model").Complete(t.Context(), llm.Request{Prompt: promptMark}); err != nil {
		t.Fatal(err)
	}
	db := open(t, database)
	var answer string
	if err := db.QueryRow("SELECT answer FROM llm_cache").Scan(&answer); err != nil || answer != answerMark {
		t.Errorf("%q, %v", answer, err)
	}
	if !slices.ContainsFunc(cells(t, database), func(text string) bool { return strings.Contains(text, u.User.Email) }) {
		t.Error("the search does not find what is there")
	}
}

func open(t *testing.T, database string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+strings.TrimPrefix(database, "sqlite:")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// cells returns every text in a database but the answers in the cache.
func cells(t *testing.T, database string) (out []string) {
	t.Helper()
	db := open(t, database)
	query := func(q string) (texts []string) {
		rows, err := db.Query(q)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var s sql.NullString
			if err := rows.Scan(&s); err != nil {
				t.Fatal(err)
			}
			texts = append(texts, s.String)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		return texts
	}
	columns := query(`SELECT m.name || '.' || c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND LOWER(c.type) = 'text'`)
	if len(columns) < 80 {
		t.Fatalf("only %d columns of text are found", len(columns))
	}
	for _, c := range columns {
		table, column, _ := strings.Cut(c, ".")
		if c != "llm_cache.answer" {
			out = append(out, query("SELECT "+column+" FROM "+table)...)
		}
	}
	return out
}
