// Package posture folds a threat model into where it stands: per control objective (CO) a status, how sure it is, why it is not
// better, and what to do next; over all of them a summary. It is pure: no I/O, no clock, no language model, nothing random; the
// same input in any order gives the same posture.
//
// [Assess] is the fold. Its rules are those of specification §6, with weakening, groups and carried controls from §4 and the
// states of assumptions from §5. What is not understood (a verification, kind or state that is not known, a control that a
// link names and nobody described) never mitigates anything.
package posture
