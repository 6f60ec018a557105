package threat_test

import (
	"fmt"
	"testing"

	"github.com/redoubt-dev/redoubt/threat"
)

func large(b *testing.B) (*threat.Structure, threat.Counters) {
	s, c := &threat.Structure{}, threat.Counters{}
	for i := range 6 {
		if _, err := s.AddBoundary(c, threat.Boundary{Name: fmt.Sprint("boundary ", i)}); err != nil {
			b.Fatal(err)
		}
	}
	for i := range 40 {
		a := threat.Asset{Name: fmt.Sprint("asset ", i), Properties: threat.Properties()[:1+i%4], Impact: threat.Levels()[i%3]}
		if _, err := s.AddAsset(c, a); err != nil {
			b.Fatal(err)
		}
	}
	for i, id := range boundaryIDs(s) {
		if _, err := s.EditBoundary(id, threat.BoundaryEdit{Assets: assetIDs(s)[i*5 : i*5+7]}); err != nil {
			b.Fatal(err)
		}
	}
	for i := range 25 {
		if _, err := s.AddAttacker(c, attacker(fmt.Sprint("attacker ", i), boundaryIDs(s)[:i%4]...)); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := s.SettleSeparations(c); err != nil {
		b.Fatal(err)
	}
	return s, c
}

func BenchmarkObjectives40x25(b *testing.B) {
	s, _ := large(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Objectives(); err != nil {
			b.Fatal(err)
		}
	}
}

// One asset renamed: the rest of 1,000 COs is equal.
func BenchmarkDiff40x25(b *testing.B) {
	before, _ := large(b)
	after := before.Clone()
	if _, err := after.EditAsset("A7", threat.AssetEdit{Name: ptr("another")}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := threat.Diff(before, after); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEditAsset40x25(b *testing.B) {
	s, _ := large(b)
	names := []string{"one", "other"}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := s.EditAsset("A7", threat.AssetEdit{Name: &names[i%2]}); err != nil {
			b.Fatal(err)
		}
	}
}
