package cpuclock_test

import (
	"fmt"
	"net/http"
	_ "net/http/pprof"

	"github.com/gaptrace/gaptrace/gap/cpuclock"
)

// A program that serves execution traces on request. Each then has the clocks, and the samples of a
// CPU profile:
//
//	curl -o trace.out 'http://localhost:6060/debug/pprof/trace?seconds=5'
func ExampleStart() {
	stop := cpuclock.Start(cpuclock.Options{Profile: true})
	defer stop()

	fmt.Println(http.ListenAndServe("localhost:6060", nil))
}

// The message of a log event, as golang.org/x/exp/trace reads it.
func ExampleParse() {
	s, err := cpuclock.Parse("v1 s=lfls rs,n39dc,dw0 +rt,2rsg a=go")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%v before the event, in %v:\n", s.Age, s.Since)
	for _, t := range s.Threads {
		fmt.Printf("thread %d used %v, new: %v\n", t.ID, t.Growth, t.New)
	}
	// Output:
	// 600ns before the event, in 1ms:
	// thread 1000 used 18µs, new: false
	// thread 1001 used 129.328µs, new: true
}
