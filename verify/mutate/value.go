package mutate

import (
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"github.com/redoubt-dev/redoubt/verify/source"
)

func itoa(n int) string { return strconv.Itoa(n) }

var (
	literal = regexp.MustCompile(`"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|\b(?i:true|false)\b|\b0[xX][0-9a-fA-F_]+\b|\b\d[\d_]*(?:\.\d+)?`)
	compare = regexp.MustCompile(`===|!==|==|!=|<=|>=|&&|\|\||<<|>>|->|=>|<-|<|>`)
)

// weaker is a value that asks for less than the given literal, "" when there is none: a flag turned round, a limit a thousand times
// as high, a text that is another.
func weaker(text string) string {
	switch strings.ToLower(text) {
	case "true", "yes", "on", "enabled":
		return map[string]string{"true": "false", "True": "False", "TRUE": "FALSE", "yes": "no", "on": "off"}[text]
	case "false", "no", "off", "disabled":
		return map[string]string{"false": "true", "False": "True", "FALSE": "TRUE", "no": "yes", "off": "on"}[text]
	}
	if len(text) >= 2 && (text[0] == '"' || text[0] == '\'') {
		if len(text) == 3 && text[0] == '\'' {
			return "" // perhaps a character
		}
		if inner := weaker(text[1 : len(text)-1]); inner != "" {
			return text[:1] + inner + text[:1]
		}
		if text[1:len(text)-1] == "*" {
			return ""
		}
		return text[:1] + "*" + text[:1]
	}
	if n, ok := new(big.Int).SetString(strings.ReplaceAll(text, "_", ""), 0); ok && text[0] >= '0' && text[0] <= '9' {
		if n.Sign() == 0 {
			return "1"
		}
		return new(big.Int).Mul(n, big.NewInt(1000)).String()
	}
	return ""
}

// opposites are the operators that turn a comparison round, or ask for one thing where two were asked for.
var opposites = map[string]string{
	"==": "!=", "!=": "==", "===": "!==", "!==": "===", "<": ">=", ">": "<=", "<=": ">", ">=": "<", "&&": "||", "||": "&&",
}

// loosen changes the literals within a span, each in a mutant of its own.
func (b *batch) loosen(s *subject, in source.Span) {
	for _, at := range literal.FindAllStringIndex(s.part(in), 20) {
		span := source.Span{Start: in.Start + at[0], End: in.Start + at[1]}
		if s.inComment(span.Start) {
			continue
		}
		if by := weaker(s.part(span)); by != "" {
			b.add(LoosenValue, s, clip(s.part(span))+" becomes "+clip(by), spliced(s.text, change{span, by}))
		}
	}
}

// turn turns the comparisons within a span round, each in a mutant of its own.
func (b *batch) turn(s *subject, in source.Span) {
	for _, at := range compare.FindAllStringIndex(s.part(in), 20) {
		span := source.Span{Start: in.Start + at[0], End: in.Start + at[1]}
		by := opposites[s.part(span)]
		if by == "" || s.inComment(span.Start) || s.inString(span.Start) {
			continue
		}
		b.add(InvertCondition, s, s.part(span)+" becomes "+by, spliced(s.text, change{span, by}))
	}
}

func (s *subject) inComment(at int) bool {
	if s.facts == nil {
		return false
	}
	for _, c := range s.facts.Comments {
		if c.Holds(at) {
			return true
		}
	}
	return false
}

func (s *subject) inString(at int) bool {
	if s.facts == nil {
		return false
	}
	for _, l := range s.facts.Strings {
		if l.Span.Holds(at) {
			return true
		}
	}
	return false
}
