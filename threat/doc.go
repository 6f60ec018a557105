// Package threat is the vocabulary and the rules of a threat model: what is protected from whom, and what follows from
// that. It is pure: no I/O, no clock, nothing random; every rule is a function of its arguments.
//
// A [Structure] holds the versioned content of one model. Control objectives are never stored: [Structure.Objectives]
// computes the full cross product of assets and attackers. Ids come from [Counters] and are never reused.
//
// Methodology: "Security Properties", specification §2.
package threat
