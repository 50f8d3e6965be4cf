// Compiled into CometBFT's package types/time for the fault tests only: the process's clock as a file says.
//
// The file HOME/../fail_points/clock holds the seconds that the clock is fast (negative: slow); without it the clock
// is right. It is read again ten times a second, so that a test sets the clock of a running validator.
package time

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

var skew atomic.Int64

func init() {
	for place, argument := range os.Args {
		if argument == "--home" && place+1 < len(os.Args) {
			file := filepath.Join(os.Args[place+1], "..", "fail_points", "clock")
			skew.Store(int64(readSkew(file)))
			go func() {
				for range time.Tick(100 * time.Millisecond) {
					skew.Store(int64(readSkew(file)))
				}
			}()
		}
	}
}

// Skewed is a time as this process's clock shows it.
func Skewed(t time.Time) time.Time {
	return t.Add(time.Duration(skew.Load()))
}

func readSkew(file string) time.Duration {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	seconds, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
