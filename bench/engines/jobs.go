package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"github.com/gaptrace/gaptrace/internal/spantest/engines"
)

var shuffleBytes = regexp.MustCompile(`"Shuffle Bytes Written":(\d+)`)

// spark runs the job with two executors of one core each.
func (b *bench) spark(in string) job {
	return func(ctx context.Context, dir string) ([]byte, int64, error) {
		events, out := filepath.Join(dir, "events"), filepath.Join(dir, "out")
		if err := os.Mkdir(events, 0o777); err != nil {
			return nil, 0, err
		}
		cmd := b.engines.SparkSQL("local-cluster[2,1,1500]", "text.`"+in+"`", b.engines.Spans(), b.engines.Fold(), out,
			"--conf", "spark.eventLog.enabled=true", "--conf", "spark.eventLog.rolling.enabled=false",
			"--conf", "spark.eventLog.compress=false",
			"--conf", "spark.eventLog.dir=file://"+events)
		if err := runJob(ctx, cmd); err != nil {
			return nil, 0, err
		}
		logs, err := filepath.Glob(filepath.Join(events, "*"))
		if err != nil || len(logs) != 1 {
			return nil, 0, fmt.Errorf("event logs: %q, %v", logs, err)
		}
		text, err := os.ReadFile(logs[0])
		if err != nil {
			return nil, 0, err
		}
		var shuffled int64
		for _, m := range shuffleBytes.FindAllSubmatch(text, -1) { // once for each task
			n, err := strconv.ParseInt(string(m[1]), 10, 64)
			if err != nil {
				return nil, 0, err
			}
			shuffled += n
		}
		answer, err := b.merged(ctx, out)
		return answer, shuffled, err
	}
}

// flink runs the job with two TaskManagers of one core each.
func (b *bench) flink(f *engines.Flink, in string) job {
	return func(ctx context.Context, dir string) (answer []byte, shuffled int64, err error) {
		for _, cmd := range []*exec.Cmd{f.JobManager(), f.TaskManager(), f.TaskManager()} {
			if err := cmd.Start(); err != nil {
				return nil, 0, err
			}
			defer func() { // its CPU time counts when it has ended
				_ = cmd.Process.Signal(syscall.SIGTERM)
				kill := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
				defer kill.Stop()
				_ = cmd.Wait() // by the signal
			}()
		}
		soon, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		if err := f.Ready(soon, 2); err != nil {
			return nil, 0, err
		}
		out := filepath.Join(dir, "out")
		if err := runJob(ctx, f.Job(in, b.engines.Spans(), b.engines.Fold(), out)); err != nil {
			return nil, 0, err
		}
		var overview struct{ Jobs []struct{ JID string } }
		var job struct {
			Vertices []struct {
				Metrics struct {
					WriteBytes int64 `json:"write-bytes"`
				}
			}
		}
		text, err := f.Get("/jobs/overview")
		if err == nil {
			err = json.Unmarshal(text, &overview)
		}
		if err != nil || len(overview.Jobs) != 1 {
			return nil, 0, fmt.Errorf("jobs: %s, %v", text, err)
		}
		if text, err = f.Get("/jobs/" + overview.Jobs[0].JID); err == nil {
			err = json.Unmarshal(text, &job)
		}
		if err != nil {
			return nil, 0, err
		}
		for _, v := range job.Vertices {
			shuffled += v.Metrics.WriteBytes
		}
		answer, err = b.merged(ctx, out)
		return answer, shuffled, err
	}
}

// runJob runs a command until it ends or ctx does.
func runJob(ctx context.Context, cmd *exec.Cmd) error {
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })()
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%w\n%s", err, &said)
	}
	return nil
}
