package gaptrace

import "github.com/gaptrace/gaptrace/internal/options"

// Call is one network call as its wrapper sees it. Every hook that an [Option] takes gets one.
type Call = options.Call
