package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"baom/handlers/whatsapp/whatsapptest"
)

// usage is what a process has used: processor time, and the memory it has now.
func usage(b *testing.B, cmd *exec.Cmd) (cpu time.Duration, megabytes float64) {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid))
	if err != nil {
		b.Skip("what a process uses is read from /proc")
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	ticks := 0
	for _, f := range fields[11:13] {
		n, _ := strconv.Atoi(f)
		ticks += n
	}
	pages, _ := strconv.Atoi(fields[21])
	return time.Duration(ticks) * 10 * time.Millisecond, float64(pages*os.Getpagesize()) / (1 << 20)
}

// carrier starts the program as a process with its office linked, without a person's pace.
func carrier(b *testing.B) (*whatsapptest.Server, *whatsapptest.Account, *exec.Cmd) {
	s := whatsapptest.New(b)
	s.Patience = time.Minute
	office := s.Account("212528000001", "90000000000001", "BAOM")
	start := processes(b, s, "BAOM_WHATSAPP_PER_MINUTE=60000")
	linkProcess(b, office, start)
	cmd, out := start("serve")
	out.find(b, `("state":"connected")`)
	time.Sleep(3 * time.Second) // the search trains beside; not our matter
	return s, office, cmd
}

// BenchmarkWhatsApp is a message and its answer through real encryption and Postgres, eight people at a time.
func BenchmarkWhatsApp(b *testing.B) {
	s, office, cmd := carrier(b)
	const people = 8
	var all [people]*whatsapptest.Person
	for i := range all {
		p := s.Person(fmt.Sprintf("3360000%04d", i), fmt.Sprintf("9100000%04d", i), "Quelqu'un")
		p.Say(office, "👋")
		p.Expect("Choisissez votre langue")
		p.Say(office, "Français")
		p.Expect("Êtes-vous d'accord")
		p.Say(office, "oui")
		p.Expect("Que voulez-vous faire")
		all[i] = p
	}
	before, _ := usage(b, cmd)
	b.ResetTimer()
	var left atomic.Int64
	left.Store(int64(b.N))
	var group sync.WaitGroup
	for _, p := range all {
		group.Go(func() {
			for left.Add(-1) >= 0 {
				p.Say(office, "menu")
				p.Expect("Que voulez-vous faire")
			}
		})
	}
	group.Wait()
	b.StopTimer()
	after, memory := usage(b, cmd)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "trips/s")
	b.ReportMetric(float64((after-before).Microseconds())/1000/float64(b.N), "cpu-ms/trip")
	b.ReportMetric(memory, "MB")
}

// BenchmarkThousandChats is the memory of the whole process once a thousand people have written to it.
func BenchmarkThousandChats(b *testing.B) {
	s, office, cmd := carrier(b)
	for b.Loop() {
		var next atomic.Int64
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				for i := next.Add(1); i <= 1000; i = next.Add(1) {
					p := s.Person(fmt.Sprintf("3370000%04d", i), fmt.Sprintf("9200000%04d", i), "Quelqu'un")
					p.Say(office, "👋")
					p.Expect("Choisissez votre langue")
					p.Say(office, "Français")
					p.Expect("Êtes-vous d'accord")
					p.Client.Disconnect()
				}
			})
		}
		group.Wait()
	}
	_, after := usage(b, cmd)
	b.ReportMetric(after, "MB")
}
