// Package program is what the programs share: the command line, and the records they write.
package program

import (
	"fmt"
	"os"
	"strings"
	"time"
)

const (
	Count      = 1000
	Partitions = 4
	patience   = 60 * time.Second
)

// A Check does its part against the broker at this address, and says what it did.
type Check func(bootstrap string) string

// Main runs the check that the command line names.
func Main(checks map[string]Check) {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: PROGRAM BOOTSTRAP CHECK")
		os.Exit(2)
	}
	check, there := checks[os.Args[2]]
	if !there {
		fmt.Println("the client has no", os.Args[2])
		os.Exit(77)
	}
	fmt.Println(check(os.Args[1]))
}

// Value is the text of record i.
func Value(tag any, i int) string { return fmt.Sprint(tag, " ", i, " ", strings.Repeat("x", i%97)) }

// Assert ends the program with a reason unless what was promised holds.
func Assert(holds bool, reason ...any) {
	if !holds {
		panic(fmt.Sprintln(reason...))
	}
}

// Must is Assert for a call's error.
func Must(err error) {
	if err != nil {
		panic(err)
	}
}

// Got is Must for a call that also has a result.
func Got[T any](value T, err error) T {
	Must(err)
	return value
}

// WaitUntil asks again and again, and fails when it does not become true.
func WaitUntil(what string, condition func() bool) {
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(20 * time.Millisecond) {
		Assert(time.Now().Before(deadline), "did not happen within", patience, what)
	}
}
