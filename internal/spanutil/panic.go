package spanutil

// contain, deferred, stops a panic of a tracer or a hook. Neither may break the call.
func contain() { _ = recover() }

// RunHandler calls handle, and then end, even if handle panics or calls runtime.Goexit. It passes
// end whether handle returned, and the value of the panic or nil. A panic goes on after end.
func RunHandler(handle func(), end func(returned bool, panicked any)) {
	if !runHandler(handle, end) {
		panic(any(nil)) // GODEBUG=panicnil=1 allows it, and recover cannot tell it from no panic
	}
}

// runHandler returns false if handle panicked with nil, which recover has then stopped.
func runHandler(handle func(), end func(returned bool, panicked any)) (returned bool) {
	defer func() {
		value := recover()
		end(returned, value)
		if value != nil {
			panic(value)
		}
	}()
	handle()
	return true
}
