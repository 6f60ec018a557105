package cli_test

import (
	"bufio"
	"context"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// BenchmarkStart is the time from the start of the program on a fresh data folder to its first answer; the target is under
// 300 ms.
func BenchmarkStart(b *testing.B) {
	var listening, answered time.Duration
	for range b.N {
		ctx, cancel := context.WithCancel(context.Background())
		c := exec.CommandContext(ctx, "redoubt", "serve", "--addr", "127.0.0.1:0", "--data", b.TempDir())
		out, err := c.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		begun := time.Now()
		if err := c.Start(); err != nil {
			b.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		url, key := "", ""
		for key == "" && lines.Scan() {
			if _, u, ok := strings.Cut(lines.Text(), "is listening on "); ok {
				url = u
			}
			if m := keyLine.FindStringSubmatch(lines.Text()); m != nil {
				key = m[1]
			}
		}
		listening += time.Since(begun)
		request, err := http.NewRequestWithContext(ctx, "GET", url+"/api/v1/models", nil)
		if err != nil {
			b.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+key)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			b.Fatal(err)
		}
		if response.StatusCode != 200 {
			b.Fatal(response.Status)
		}
		answered += time.Since(begun)
		_ = response.Body.Close()
		cancel()
		_ = c.Wait()
	}
	b.ReportMetric(float64(listening.Milliseconds())/float64(b.N), "ms/listening")
	b.ReportMetric(float64(answered.Milliseconds())/float64(b.N), "ms/first-answer")
}
