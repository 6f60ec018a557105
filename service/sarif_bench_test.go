package service_test

import (
	"fmt"
	"strings"
	"testing"
)

// sarifOf is a log of so many results of 40 rules, each with a snippet, a fingerprint and a code flow, about 2 KB a result.
func sarifOf(results int) string {
	var rules, list []string
	for i := range 40 {
		rules = append(rules, fmt.Sprintf(`{"id":"rule/%d","shortDescription":{"text":"Rule %d is about input that reaches a query"},"help":{"text":%q},"properties":{"tags":["security","external/cwe/cwe-%03d"],"security-severity":"%d.5"}}`,
			i, i, strings.Repeat("Do not do it. ", 100), 20+i*7, i%10))
	}
	for i := range results {
		place := fmt.Sprintf(`{"physicalLocation":{"artifactLocation":{"uri":"src/pkg%d/file%d.go","uriBaseId":"ROOT"},"region":{"startLine":%d,"startColumn":3,"snippet":{"text":"\tdb.Query(q + id%d)"}}}}`, i%50, i%900, i%2000+1, i)
		flow := strings.TrimSuffix(strings.Repeat(`{"location":`+place+`},`, 6), ",")
		list = append(list, fmt.Sprintf(`{"ruleId":"rule/%d","ruleIndex":%d,"level":"error","message":{"text":"The value of [id%d](1) reaches a query without a check on its way from the request."},"locations":[%s],"partialFingerprints":{"primaryLocationLineHash":"%016x:1"},"codeFlows":[{"threadFlows":[{"locations":[%s]}]}]}`,
			i%40, i%40, i, place, i, flow))
	}
	return `{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"scan","rules":[` + strings.Join(rules, ",") + `]}},"originalUriBaseIds":{"ROOT":{"uri":"file:///src/"}},"results":[` + strings.Join(list, ",\n") + `]}]}`
}

// BenchmarkImportSARIF imports 10,000 results into a model with 100 controls, and then once more.
func BenchmarkImportSARIF(b *testing.B) {
	s := newBench(b)
	log := sarifOf(10_000)
	var first, again float64
	for b.Loop() {
		model, _ := addBenchModel(b, s)
		begun := b.Elapsed()
		if out, err := s.importLog(model, log); err != nil || out.Added != 10_000 {
			b.Fatal(out.Added, err)
		}
		known := b.Elapsed()
		if out, err := s.importLog(model, log); err != nil || out.Known != 10_000 {
			b.Fatal(out.Known, err)
		}
		first += float64((known - begun).Milliseconds())
		again += float64((b.Elapsed() - known).Milliseconds())
	}
	b.ReportMetric(first/float64(b.N), "ms/import")
	b.ReportMetric(again/float64(b.N), "ms/again")
	b.ReportMetric(float64(len(log))/(1<<20), "MB/file")
}
