-- +goose Up

-- A job that failed is resumed by one job, unless that one was cancelled: two calls that resume it at once make one.
ALTER TABLE jobs ADD COLUMN resumes TEXT NOT NULL DEFAULT ''; -- the failed job that this one goes on with
CREATE UNIQUE INDEX jobs_resumes ON jobs (workspace_id, resumes) WHERE resumes <> '' AND state <> 'cancelled';
