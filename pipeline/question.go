package pipeline

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/redoubt-dev/redoubt/threat"
)

//go:embed prompts
var promptFiles embed.FS

// Question is what a thinker is asked: a language model, or the agent that calls. It is the whole of what the thinker needs, so
// that a question kept on a job can be answered later, by another process and by another agent.
type Question struct {
	// Step names the question within its job. No two questions of one job have the same step, but for a question that is asked again.
	Step string `json:"step"`
	// Version names the template: it changes with its words and its schema.
	Version string `json:"version"`
	// System holds the method and what data is; Prompt the task and the data, fenced.
	System string `json:"system"`
	Prompt string `json:"prompt"`
	// Schema is the JSON Schema of the answer, in the form that strict structured outputs take: every member required, no others.
	Schema json.RawMessage `json:"schema"`
	// Rejected says what was wrong with the previous answer to this very question; it is no part of the texts.
	Rejected []threat.Item `json:"rejected,omitempty"`
}

// Size is what the question costs an agent's context, in bytes: the texts and the schema.
func (q Question) Size() int { return len(q.Text()) + len(q.Schema) }

// Text is the question in one piece.
func (q Question) Text() string { return q.System + "\n\n" + q.Prompt }

// AgentLimit bounds [Question.Size] for the calling agent (specification §9).
const AgentLimit = 6_000

// Again is the question asked anew after an answer that was refused.
func (q Question) Again(why error) Question {
	q.Rejected = reasons(why)
	return q
}

// Task is the prompt with what was wrong with the previous answer, if there was one. That is fenced: it may quote the answer.
func (q Question) Task() string {
	if len(q.Rejected) == 0 {
		return q.Prompt
	}
	lines := make([]string, len(q.Rejected))
	for i, r := range q.Rejected {
		lines[i] = "- " + r.Words()
	}
	wrong := strings.Join(lines, "\n")
	f := NewFence(wrong)
	return q.Prompt + "\n\nYour previous answer to this was refused. What was wrong, between lines with the mark " + f.mark + ":\n" +
		f.Text("errors", wrong) + "Answer again, whole, with that mended."
}

// maxReasons bounds how many errors are sent back.
const maxReasons = 10

func reasons(why error) []threat.Item {
	var te *threat.Error
	if !errors.As(why, &te) {
		te = threat.Errorf(threat.Invalid, "the answer cannot be used")
	}
	items := te.Items
	if len(items) == 0 {
		items = []threat.Item{{Code: te.Code, Message: te.Message, Field: te.Field, Hint: te.Hint}}
	}
	out := slices.Clone(items[:min(len(items), maxReasons)])
	for i := range out {
		out[i].Message, out[i].Field, out[i].Hint = threat.Clip(out[i].Message, 200), threat.Clip(out[i].Field, 80), threat.Clip(out[i].Hint, 200)
	}
	return out
}

// template is one prompt file with its schema.
type template struct {
	text    string
	schema  json.RawMessage
	version string
}

var frame = promptFile("frame.md")

// schemaOf names the schema file of each prompt.
var schemaOf = map[Step]string{
	GenerateAssets: "assets", RefineAssets: "assets", GenerateAttackers: "attackers", RefineAttackers: "attackers",
	Boundaries: "boundaries", GenerateControls: "controls",
}

var templates = func() map[Step]template {
	out := map[Step]template{}
	for step, name := range schemaOf {
		text, schema := promptFile(string(step)+".md"), Compact(promptFile(name+".schema.json"))
		out[step] = template{text, schema, Version(frame, text, string(schema))}
	}
	return out
}()

func promptFile(name string) string {
	raw, err := promptFiles.ReadFile("prompts/" + name)
	if err != nil {
		panic("pipeline: " + err.Error()) // a test holds a file for each step
	}
	return strings.TrimSpace(string(raw))
}

// Compact is a JSON text of ours without its spaces; it panics on one that is not JSON.
func Compact(text string) json.RawMessage {
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(text)); err != nil {
		panic("pipeline: " + err.Error())
	}
	return b.Bytes()
}

// Version names a template by its words.
func Version(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:6])
}

// System is what stands above every question: the method, and that what the mark fences is data. Other questions than those of this
// package use it too.
func System(mark string) string { return strings.ReplaceAll(frame, "{{mark}}", mark) }

// Fence puts data between lines that carry a mark which none of the data contains, so that no text ends its own fence. The mark
// follows from the data: the same question has the same words, which caches rely on.
type Fence struct{ mark string }

// NewFence returns a fence for these texts.
func NewFence(texts ...string) Fence {
	sum := sha256.Sum256([]byte(strings.Join(texts, "\x00")))
	mark := "data-" + hex.EncodeToString(sum[:5])
	for n := 1; slices.ContainsFunc(texts, func(t string) bool { return strings.Contains(t, mark) }); n++ {
		mark = "data-" + hex.EncodeToString(sum[:5]) + "-" + strconv.Itoa(n)
	}
	return Fence{mark}
}

// Mark is what the fence's lines carry; [System] explains it.
func (f Fence) Mark() string { return f.mark }

// Text is data within the fence, under a name of ours, with the line end after it.
func (f Fence) Text(name, data string) string {
	return "<<<" + f.mark + " " + name + "\n" + data + "\n" + f.mark + ">>>\n"
}

// detail is how much of each entity a prompt shows, from all to the id alone: names and other texts in characters.
type detail struct{ name, text int }

var details = []detail{{threat.MaxName, threat.MaxDescription}, {threat.MaxName, 240}, {80, 120}, {60, 60}, {40, 0}, {20, 0}, {10, 0}, {0, 0}}

// question makes the question of a request. limit bounds its size in bytes; 0 is no bound.
func question(r Request, limit int) Question {
	t := templates[r.Step]
	s := &r.Draft.Structure
	q := Question{Step: r.name(), Version: t.version, Schema: t.schema}
	feature := s.Feature
	if strings.Contains(t.text, "{{reuse}}") {
		reuse := ` Leave "reuse" empty.`
		if r.Reuse {
			reuse = ` A control listed as K1, K2 … was accepted before: to let it serve COs of this list too, name it in "reuse".`
		}
		t.text = strings.Replace(t.text, "{{reuse}}", reuse, 1)
	}
	build := func(d detail, feature, note string) (system, prompt string) {
		parts := r.parts(s, d)
		texts := []string{feature}
		for _, p := range parts {
			texts = append(texts, p.data)
		}
		f := NewFence(texts...)
		prompt = t.text
		for _, p := range parts {
			data := ""
			if p.data != "" {
				data = "\n" + p.title + "\n" + strings.TrimSuffix(f.Text(p.name, p.data), "\n")
			}
			prompt = strings.Replace(prompt, "{{"+p.name+"}}", data, 1)
		}
		data := ""
		if feature != "" {
			data = "\nThe description of the feature" + note + ":\n" + strings.TrimSuffix(f.Text("description", feature), "\n")
		}
		return System(f.mark), strings.Replace(prompt, "{{feature}}", data, 1)
	}
	q.System, q.Prompt = build(details[0], feature, "")
	if limit == 0 || q.Size() <= limit {
		return q
	}
	// The agent wrote the description or can read it from the model: what it is shown is a reminder. The ids come first.
	note := ", its beginning; you gave or can read the whole"
	least := Head(feature, 400)
	for _, d := range details {
		q.System, q.Prompt = build(d, least, note)
		if room := limit - q.Size(); room >= 0 {
			q.System, q.Prompt = build(d, Head(feature, len(least)+room), note)
			return q
		}
	}
	q.System, q.Prompt = build(details[len(details)-1], "", "")
	return q
}

// Head is the beginning of s, of at most n bytes, cut between characters and, where it can, between words.
func Head(s string, n int) string {
	if len(s) <= n {
		return s
	}
	n -= len("…")
	if n <= 0 {
		return ""
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	cut := s[:n]
	if at := strings.LastIndexAny(cut, " \n"); at > n-40 && at > 0 {
		cut = cut[:at]
	}
	return strings.TrimSpace(cut) + "…"
}

// name names the question of a request: the step, with the number of the batch where there are several.
func (r Request) name() string {
	if r.Step == GenerateControls && r.Batches > 1 {
		return fmt.Sprintf("%s_%d_of_%d", r.Step, r.Batch, r.Batches)
	}
	return string(r.Step)
}

// part is data under a name and a sentence that introduces it.
type part struct{ name, title, data string }

// parts are the data of a request beside the description.
func (r Request) parts(s *threat.Structure, d detail) []part {
	assets, attackers := s.Assets, s.Attackers
	if r.Step == GenerateControls {
		assets, attackers = nil, nil
		for i := range s.Assets {
			if slices.ContainsFunc(r.Objectives, func(co threat.Objective) bool { return co.Asset == s.Assets[i].ID }) {
				assets = append(assets, s.Assets[i])
			}
		}
		for i := range s.Attackers {
			if slices.ContainsFunc(r.Objectives, func(co threat.Objective) bool { return co.Attacker == s.Attackers[i].ID }) {
				attackers = append(attackers, s.Attackers[i])
			}
		}
	}
	asset, attacker := assetLines(assets, d), attackerLines(attackers, d)
	if r.Step == GenerateControls {
		var cos []string
		for _, co := range r.Objectives {
			cos = append(cos, string(co.ID)+" "+string(co.Tier))
		}
		return []part{
			{"objectives", "The COs (asset, attacker, risk), and what their ids name:", strings.Join(cos, "\n") + "\n\n" + asset + "\n\n" + attacker},
			{"controls", "The controls so far:", r.controlLines(d)},
		}
	}
	return []part{{"assets", "The assets:", asset}, {"attackers", "The attackers:", attacker}}
}

func assetLines(list []threat.Asset, d detail) string {
	lines := make([]string, len(list))
	for i, a := range list {
		props := ""
		for _, p := range a.Properties {
			props += string(p)
		}
		lines[i] = string(a.ID) + " " + clipped(a.Name, d.name) + "(" + props + ", impact " + string(a.Impact) + ")" + sentence(a.Description, d.text)
	}
	return strings.Join(lines, "\n")
}

func attackerLines(list []threat.Attacker, d detail) string {
	lines := make([]string, len(list))
	for i, t := range list {
		lines[i] = string(t.ID) + " " + clipped(t.Name, d.name) + "(likelihood " + string(t.Likelihood) + ")" +
			sentence(t.Position, d.text) + sentence(t.Capability, d.text)
	}
	return strings.Join(lines, "\n")
}

// shownControls is how many earlier controls are listed for use anew, the newest first among those that do not fit.
const shownControls = 40

func (r Request) controlLines(d detail) string {
	if !r.Reuse || d.name == 0 {
		return ""
	}
	first := max(0, len(r.Draft.Controls)-min(shownControls, d.name/2))
	var lines []string
	for i, c := range r.Draft.Controls[first:] {
		lines = append(lines, fmt.Sprintf("K%d %s", first+i+1, strings.Join(strings.Fields(threat.Clip(c.Description, max(d.name, 20))), " ")))
	}
	return strings.Join(lines, "\n")
}

func clipped(name string, n int) string {
	if n == 0 {
		return ""
	}
	return threat.Clip(name, n) + " "
}

func sentence(text string, n int) string {
	if n == 0 || text == "" {
		return ""
	}
	return ": " + strings.Join(strings.Fields(threat.Clip(text, n)), " ")
}

// Asked are the COs that a prompt about controls lists.
func Asked(prompt string) []threat.ID {
	var out []threat.ID
	for line := range strings.Lines(prompt) {
		id, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if _, _, ok := threat.SplitObjective(threat.ID(id)); ok {
			out = append(out, threat.ID(id))
		}
	}
	return out
}
