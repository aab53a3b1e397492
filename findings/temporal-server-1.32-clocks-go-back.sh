#!/bin/sh
# go.temporal.io/server v1.32.1: on the day on which clocks go back, a schedule with a time zone of Europe is due at hours that its cron
# expression does not have, and is not due at others that it has. "30 1 * * *" in Europe/Berlin is due at 01:30 and again at 02:30
# (+02:00); "0 * * * *" leaves out the second 02:00, two hours lie between its times; "*/30 * * * *" leaves out 02:30+02:00 and
# 02:00+01:00. In America/New_York the same expressions are due at each time that the clock shows, the repeated ones twice. A guess
# after Temporal's words on cron jobs (zero, one or two runs for a time within the repeated hour) has neither: 01:30 is not in it.
# The calendar of schedules assumes which of two equal times of the clock time.Date returns; Go does not say which.
#
# Needs Go, and the network for the modules; compiles for some minutes. Exits with 1 where the behavior has changed.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export GOFLAGS=-mod=mod GOWORK=off GOTOOLCHAIN=auto CGO_ENABLED=0

cat > go.mod <<'MOD'
module example.com/clocks

go 1.26

require go.temporal.io/server v1.32.1
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"
	"time"
	_ "time/tzdata"

	schedulepb "go.temporal.io/api/schedule/v1"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/service/worker/scheduler"
)

func main() {
	limit := dynamicconfig.GetIntPropertyFn(1000)
	for _, day := range []struct{ zone, from, to string }{
		{"Europe/Berlin", "2027-10-30T22:30:00Z", "2027-10-31T02:15:00Z"},
		{"America/New_York", "2027-11-07T04:30:00Z", "2027-11-07T07:15:00Z"},
	} {
		zone, err := time.LoadLocation(day.zone)
		check(err)
		from, err := time.Parse(time.RFC3339, day.from)
		check(err)
		to, err := time.Parse(time.RFC3339, day.to)
		check(err)
		for _, cron := range []string{"30 1 * * *", "0 * * * *", "*/30 * * * *"} {
			spec, err := scheduler.NewSpecBuilder(limit, limit).NewCompiledSpec(&schedulepb.ScheduleSpec{CronString: []string{cron}, TimezoneName: day.zone})
			check(err)
			fmt.Printf("%s, %s:", day.zone, cron)
			for at := from; ; {
				next, err := spec.GetNextTime("", at)
				check(err)
				if at = next.Nominal; at.IsZero() || at.After(to) {
					break
				}
				fmt.Print(" ", at.In(zone).Format("15:04-07"))
			}
			fmt.Println()
		}
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
GO
go mod tidy > tidy.txt 2>&1 || { cat tidy.txt; exit 1; }
go run . > seen.txt
cat > expected.txt <<'SEEN'
Europe/Berlin, 30 1 * * *: 01:30+02 02:30+02
Europe/Berlin, 0 * * * *: 01:00+02 02:00+02 03:00+01
Europe/Berlin, */30 * * * *: 01:00+02 01:30+02 02:00+02 02:30+01 03:00+01
America/New_York, 30 1 * * *: 01:30-04 01:30-05
America/New_York, 0 * * * *: 01:00-04 01:00-05 02:00-05
America/New_York, */30 * * * *: 01:00-04 01:30-04 01:00-05 01:30-05 02:00-05
SEEN
cat seen.txt
diff expected.txt seen.txt
