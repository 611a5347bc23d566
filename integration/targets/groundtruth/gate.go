package groundtruth

import (
	"bufio"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Gate holds a target back until probes can be on, and tells it when to end.
type Gate struct {
	// StartOn is a file whose existence starts the work; "" for none.
	StartOn string
	// StartAfter starts the work by itself after that time; 0 for never.
	StartAfter time.Duration
	stop       chan os.Signal
}

// Listen prints READY, the pid and what else the caller wants said, and from now on takes signals.
func (g *Gate) Listen(more ...any) {
	g.stop = make(chan os.Signal, 2)
	signal.Notify(g.stop, syscall.SIGINT, syscall.SIGTERM)
	fmt.Println(append([]any{"READY", os.Getpid()}, more...)...)
}

// Wait returns when a line comes on stdin, SIGUSR1 comes, the file exists or the time has passed. False: the
// target was told to end first.
func (g *Gate) Wait() bool {
	started := make(chan os.Signal, 1)
	signal.Notify(started, syscall.SIGUSR1)
	defer signal.Stop(started)
	line := make(chan struct{})
	go readLine(line)
	var timer <-chan time.Time
	if g.StartAfter > 0 {
		timer = time.After(g.StartAfter)
	}
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		select {
		case <-started:
			return true
		case <-line:
			return true
		case <-timer:
			return true
		case <-g.stop:
			return false
		case <-poll.C:
			if g.StartOn == "" {
				continue
			}
			if _, err := os.Stat(g.StartOn); err == nil {
				return true
			}
		}
	}
}

// readLine closes the channel after a line; the end of stdin is none.
func readLine(line chan<- struct{}) {
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err == nil {
		close(line)
	}
}

// Done returns when the duration has passed (0: never), the work is done, or the target is told to end.
func (g *Gate) Done(duration time.Duration, finished <-chan struct{}) {
	var timer <-chan time.Time
	if duration > 0 {
		timer = time.After(duration)
	}
	select {
	case <-timer:
	case <-finished:
	case <-g.stop:
	}
}
