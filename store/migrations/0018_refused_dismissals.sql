-- +goose Up

-- The proposed dismissal that somebody with decide refused: a report that says the same again proposes nothing. '' for none.
ALTER TABLE findings ADD COLUMN refused TEXT NOT NULL DEFAULT '';
