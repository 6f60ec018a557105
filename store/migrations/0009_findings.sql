-- +goose Up

ALTER TABLE findings ADD COLUMN mapped_by TEXT NOT NULL DEFAULT ''; -- how it came to its control; '' when whoever submitted it named one
ALTER TABLE findings ADD COLUMN proposal TEXT NOT NULL DEFAULT ''; -- why a report wants it dismissed, until someone with decide says; '' for none
