package store_test

import (
	"slices"
	"testing"
	"time"

	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// chatOf is the session of a model that [fill] made.
func chatOf(model string) string { return "chat of " + model }

// talk adds a session about a model, with a turn.
func talk(tx *store.Tx, workspace, model, user string) error {
	if err := tx.AddChatSession(workspace, store.ChatSession{ID: chatOf(model), UserID: user, ModelID: model, Title: "t"}); err != nil {
		return err
	}
	return tx.AddChatMessages(workspace, chatOf(model), []store.ChatMessage{someMessage("hello")})
}

func someMessage(text string) store.ChatMessage {
	return store.ChatMessage{Role: "user", Intent: "general", Text: text, Sources: "[]"}
}

func TestChatSessions(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		w, u := tenant(t, e, "u@example.org")
		other := testenv.User(t, e.Store, "other@example.org").ID
		for _, id := range []string{"s1", "s2", "s3"} {
			e.write(t, func(tx *store.Tx) error { return tx.AddChatSession(w, store.ChatSession{ID: id, UserID: u, Title: id}) })
			e.clock.Advance(time.Second)
		}
		e.write(t, func(tx *store.Tx) error {
			return tx.AddChatSession(w, store.ChatSession{ID: "theirs", UserID: other, Title: "x"})
		})
		e.write(t, func(tx *store.Tx) error {
			first := someMessage("one")
			first.JobID = "j1"
			if err := tx.AddChatMessages(w, "s1", []store.ChatMessage{first, someMessage("two")}); err != nil {
				return err
			}
			if err := tx.AddChatMessages(w, "s1", []store.ChatMessage{someMessage("three")}); err != nil {
				return err
			}
			return tx.TouchChatSession(w, u, "s1", "")
		})
		err := e.Store.Read(t.Context(), func(v *store.Snapshot) error {
			list, total, err := v.ChatSessions(w, u, 2, 0)
			if err != nil || total != 3 || len(list) != 2 || list[0].ID != "s1" || list[0].Messages != 3 {
				t.Errorf("%+v of %d, %v", list, total, err)
			}
			messages, err := v.ChatMessages(w, "s1", 2, 1)
			if err != nil || len(messages) != 2 || messages[0].Text != "two" || messages[1].N != 3 {
				t.Errorf("%+v, %v", messages, err)
			}
			if id, err := v.ChatJob(w, "s1"); err != nil || id != "j1" {
				t.Errorf("%q, %v", id, err)
			}
			if id, err := v.ChatJob(w, "s2"); err != nil || id != "" {
				t.Errorf("%q, %v", id, err)
			}
			_, err = v.ChatSession(w, u, "theirs")
			if threat.CodeOf(err) != threat.NotFound {
				t.Errorf("another user's session: %v", err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for name, write := range map[string]func(*store.Tx) error{
			"delete": func(tx *store.Tx) error { return tx.DeleteChatSession(w, u, "theirs") },
			"touch":  func(tx *store.Tx) error { return tx.TouchChatSession(w, u, "theirs", "") },
		} {
			if err := e.try(write); threat.CodeOf(err) != threat.NotFound {
				t.Errorf("%s: %v", name, err)
			}
		}
		e.write(t, func(tx *store.Tx) error { return tx.DeleteChatSession(w, u, "s1") })
		err = e.Store.Read(t.Context(), func(v *store.Snapshot) error {
			list, _, err := v.ChatSessions(w, u, 10, 0)
			left := slices.Collect(func(yield func(string) bool) {
				for _, s := range list {
					if !yield(s.ID) {
						return
					}
				}
			})
			messages, err2 := v.ChatMessages(w, "s1", 10, 0)
			if err != nil || err2 != nil || !slices.Equal(left, []string{"s3", "s2"}) || len(messages) != 0 {
				t.Errorf("left %v and %d messages, %v, %v", left, len(messages), err, err2)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
