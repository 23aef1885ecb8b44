package spanutil

// Through calls handle and then end, with what handle panicked with: nothing, where it returned or runtime.Goexit left it.
// A panic passes on.
func Through(handle func(), end func(returned bool, failure any)) {
	if !throughSome(handle, end) {
		panic(any(nil)) // GODEBUG=panicnil=1 allows it, and recover cannot tell it from none
	}
}

// throughSome answers false where handle has panicked with nil.
func throughSome(handle func(), end func(returned bool, failure any)) (returned bool) {
	defer func() {
		failure := recover()
		end(returned, failure)
		if failure != nil {
			panic(failure)
		}
	}()
	handle()
	return true
}
