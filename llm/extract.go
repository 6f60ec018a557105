package llm

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"
)

// opening is how a JSON object begins: most braces of code and prose do not.
var opening = regexp.MustCompile(`\{[ \t\r\n]*["}]`)

// Object is the one JSON object in text that a model wrote: alone, in a code fence, or with prose around it. A leading
// <think> block, in which some open models reason aloud, is passed over.
//
// It fails closed. Text with no object, with two, with one that is broken or cut off (a part of it is not tried), with one
// inside an array or a brace that is still open, with a member name twice in one object, or that is not UTF-8 gives an error of
// kind KindMalformed; so does one with a thousand braces that could open an object and do not. It is linear in len(text).
func Object(text string) (json.RawMessage, error) {
	malformed := func(message string) (json.RawMessage, error) {
		return nil, &Error{Kind: KindMalformed, Message: message, Hint: "one JSON object was asked for; a larger model may follow the format better"}
	}
	if !utf8.ValidString(text) {
		return malformed("the answer is not UTF-8")
	}
	text = strings.TrimSpace(text)
	if rest, thinks := strings.CutPrefix(text, "<think>"); thinks {
		_, answer, ends := strings.Cut(rest, "</think>")
		if !ends {
			return malformed("the answer ends within its reasoning")
		}
		text = answer
	}

	var found json.RawMessage
	for at, tries := 0, 0; ; tries++ {
		open := opening.FindStringIndex(text[at:])
		if open == nil {
			break
		}
		if tries == 1000 {
			return malformed("the answer holds nothing but broken JSON")
		}
		at += open[0]
		var object json.RawMessage
		dec := json.NewDecoder(strings.NewReader(text[at:]))
		err := dec.Decode(&object)
		var syntax *json.SyntaxError
		switch {
		case err == nil && found != nil:
			return malformed("the answer holds more than one JSON object")
		case err == nil && within(text[:at]):
			return malformed("the answer's JSON object is within something that is not a JSON object")
		case err == nil:
			found = object
			at += int(dec.InputOffset())
		case errors.As(err, &syntax) && syntax.Offset > 0:
			// A brace of the prose, or a broken object. What was read of it is passed over whole, so that no part of a
			// broken object is taken for the answer. Offset counts the byte that did not fit, which may open the next.
			at += max(1, int(syntax.Offset)-1)
		default:
			return malformed("the answer ends within a JSON object")
		}
	}
	if found == nil {
		return malformed("the answer holds no JSON object")
	}
	if repeats(found) {
		return malformed("the answer's JSON object has a member twice")
	}
	return found, nil
}

// within says whether a bracket is open at the end of text.
func within(text string) bool {
	return strings.Count(text, "{") != strings.Count(text, "}") || strings.Count(text, "[") != strings.Count(text, "]")
}

// repeats says whether some object in raw, which is valid JSON, has two members of one name. Readers differ in which of the
// two they take, so that such an answer could mean one thing where it is judged and another where it is used.
func repeats(raw json.RawMessage) bool {
	type level struct {
		names map[string]bool // nil in an array
		value bool            // a name was read, its value comes next
	}
	var stack []*level
	dec := json.NewDecoder(bytes.NewReader(raw))
	for {
		token, err := dec.Token()
		if err != nil {
			return !errors.Is(err, io.EOF)
		}
		var top *level
		if len(stack) > 0 {
			top = stack[len(stack)-1]
		}
		if name, ok := token.(string); ok && top != nil && top.names != nil && !top.value {
			if top.names[name] {
				return true
			}
			top.names[name], top.value = true, true
			continue
		}
		switch token {
		case json.Delim('}'), json.Delim(']'):
			stack = stack[:len(stack)-1]
			continue
		}
		if top != nil {
			top.value = false
		}
		switch token {
		case json.Delim('{'):
			stack = append(stack, &level{names: map[string]bool{}})
		case json.Delim('['):
			stack = append(stack, &level{})
		}
	}
}
