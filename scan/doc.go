// Package scan says how to look for a control in a code base: where such code usually is, what to search for, and which assertions would
// prove each facet. It is a table and a deterministic fold over it: no language model, no I/O, no clock.
//
// What it answers is advice to a reader of code. Nothing that it says counts as evidence.
package scan
