package service

import (
	"encoding/json"

	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// dryRun returns the job of a dry run that a call wants written as it was shown, without asking its engine again. Errors: [threat.NotFound],
// [threat.Invalid] for a job of something else, [threat.FailedPrecondition] for one that has not ended well.
func dryRun(v *store.Snapshot, workspace, kind, model, id string) (store.Job, error) {
	j, err := v.Job(workspace, id)
	switch {
	case err != nil:
		return j, fieldAs(err, "job_id", "from_job")
	case j.Kind != kind || j.ModelID != model:
		return j, threat.Errorf(threat.Invalid, "the job is not of %s on this model", kind).In("from_job").Hinted("give the job_id that its dry run answered")
	case j.State != store.JobDone:
		return j, threat.Errorf(threat.FailedPrecondition, "the job is %s", j.State).In("from_job").Hinted("what it shows can be written once it is done: get_operation_status")
	}
	return j, nil
}

// shown is the answer of a dry run, for a call that writes it. Errors: of [dryRun].
func shown[Out any](v *store.Snapshot, workspace, kind, model, id string) (out Out, err error) {
	j, err := dryRun(v, workspace, kind, model, id)
	if err != nil {
		return out, err
	}
	return out, json.Unmarshal([]byte(j.Result), &out)
}

// wroteAlready refuses to write anew what a job that was no dry run wrote.
func wroteAlready() error {
	return threat.Errorf(threat.FailedPrecondition, "the job was no dry run: what it found is written").In("from_job").Hinted("read the model")
}

// movedOn refuses to write what was shown of something that is no more.
func movedOn(format string, args ...any) error {
	return threat.Errorf(threat.Conflict, format, args...).In("from_job").Hinted("nothing was written: have it shown anew, by the call that showed it")
}

// alone refuses arguments beside from_job, which says it all.
func alone(others bool) error {
	if !others {
		return nil
	}
	return threat.Errorf(threat.Invalid, "from_job writes what its dry run showed, and nothing else").In("from_job").Hinted("leave the other arguments out, or from_job")
}

// asShown plans what a dry run of imports showed, which must come out the same.
func (h *head) asShown(version int, proposed []ImportedControl) (importPlan, error) {
	if version != h.model.Version {
		return importPlan{}, movedOn("the model is at version %d, and what was shown is for version %d", h.model.Version, version)
	}
	if len(proposed) == 0 {
		return importPlan{duplicates: []DuplicateRow{}}, nil
	}
	p, err := h.planImport(proposed, true, nil)
	if err == nil && len(p.add) < len(proposed) {
		err = movedOn("the model has some of these controls by now, such as %s", p.duplicates[0].Of)
	}
	return p, err
}
