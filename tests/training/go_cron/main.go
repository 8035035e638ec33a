// Command cron answers with github.com/robfig/cron/v3, the library behind a Kubernetes CronJob:
// the rule's next starts in a time zone. One question a line on standard input, tab-separated:
//
//	RULE ZONE EPOCH_SECONDS COUNT
//
// One answer a line: epoch seconds separated by spaces, "never" after the last, or "error: ...".
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

func main() {
	in := bufio.NewScanner(os.Stdin)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for in.Scan() {
		part := strings.Split(in.Text(), "\t")
		at, err := strconv.ParseInt(part[2], 10, 64)
		check(err)
		count, err := strconv.Atoi(part[3])
		check(err)
		fmt.Fprintln(out, next(part[0], part[1], time.Unix(at, 0).UTC(), count))
	}
	check(in.Err())
}

func next(rule, zone string, at time.Time, count int) string {
	if _, err := cron.ParseStandard(rule); err != nil {
		return "error: " + err.Error()
	}
	schedule, err := cron.ParseStandard("TZ=" + zone + " " + rule)
	check(err)
	answer := []string{}
	for range count {
		at = schedule.Next(at)
		if at.IsZero() {
			answer = append(answer, "never")
			break
		}
		answer = append(answer, strconv.FormatInt(at.Unix(), 10))
	}
	return strings.Join(answer, " ")
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
