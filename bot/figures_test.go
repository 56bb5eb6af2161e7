package bot_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"baom/bot"
	"baom/content"
	"baom/flows"
	"baom/storage"
	"baom/storage/storagetest"
)

// TestFiguresAreSafe counts many made-up years on a real record: no published number stands for fewer than the threshold, the
// tables add up, what is hidden in a month is hidden in every table, and what is shown never leaves a single number out.
func TestFiguresAreSafe(t *testing.T) {
	lib, err := builtin()
	if err != nil {
		t.Fatal(err)
	}
	zone, err := time.LoadLocation("Africa/Casablanca")
	if err != nil {
		t.Fatal(err)
	}
	store := storagetest.New(t)
	now := time.Date(2026, 12, 30, 12, 0, 0, 0, zone)
	desk := &bot.Desk{Cases: store, Register: store, Imports: store, Meetings: store, Now: func() time.Time { return now }, Lib: func() *content.Library { return lib }}
	admin := &bot.Officer{Login: "root", Name: "Administration", Hash: "x", Role: bot.RoleAdmin}
	if err := store.SaveOfficer(t.Context(), admin); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	years := map[string]int{}
	for n, o := range lib.Offices() {
		for year := 2024; year <= 2026; year++ {
			size := []int{0, 3, 6, 20, 60, 150}[(n+year)%6]
			years[fmt.Sprint(o.ID, year)] = size
			fill(t, store, admin, o, year, size, random)
		}
	}
	for _, who := range []*bot.Officer{{Role: bot.RoleNetwork}, {Role: bot.RoleSupervisor, Office: "agadir"}, {Role: bot.RoleSupervisor, Office: "tiznit"}, {Role: bot.RoleSupervisor, Office: "ammelne"}} {
		for year := 2024; year <= 2026; year++ {
			f, err := desk.Figures(t.Context(), who, who.Office, year)
			if err != nil {
				t.Fatal(err)
			}
			if size := years[fmt.Sprint(who.Office, year)]; who.Office != "" && f.Total != size && (f.Total != 0 || size >= bot.Threshold) {
				t.Errorf("%s in %d has %d cases, of %d", who.Office, year, f.Total, size)
			}
			safe(t, f)
		}
	}
}

// fill makes a year of an office's earlier list.
func fill(t *testing.T, store bot.Imports, who *bot.Officer, o content.Office, year, size int, random *rand.Rand) {
	if size == 0 {
		return
	}
	pick := func(of ...string) string { return of[random.IntN(len(of))*random.IntN(len(of))/len(of)] } // the first more often
	var list []bot.Earlier
	for range size {
		day := time.Date(year, time.Month(1+random.IntN(12)*random.IntN(12)/11), 1+random.IntN(28), 0, 0, 0, 0, time.UTC)
		list = append(list, bot.Earlier{Opened: day, Closed: day, State: bot.StateClosed, Outcome: pick("informed", "accompanied", "oriented"), Answers: map[string]string{
			"profile": pick("rpt", "mdm", "ret", "ad"), "need": pick("A1", "D1", "E2", "C1", "G2", "I1"), "nationality": pick("SN", "ML", "CI", "GN", "CM", "NG", "GM", "BF", "SY"),
			"gender": pick("f", "m", ""), "age": pick("25-34", "18-24", "35-49", "50-64", "0-17"), "commune": pick(o.ID, "other")}})
	}
	i := &bot.Import{Office: o.ID, Officer: who.ID, Sheet: bot.Sheet{Headings: []string{"x"}}}
	if err := store.SaveImport(t.Context(), i); err != nil {
		t.Fatal(err)
	}
	if err := store.TakeOver(t.Context(), i.ID, list, func() string { return flows.Reference(o.Letters, random.Uint64()) }); err != nil {
		t.Fatal(err)
	}
}

// safe checks the figures of one year.
func safe(t *testing.T, f *bot.Figures) {
	t.Helper()
	where := fmt.Sprintf("%q in %d", f.Office, f.Year)
	small := func(n int) bool { return n != 0 && n < bot.Threshold }
	months := f.Months[:]
	var offices []bot.Number
	for _, o := range f.Offices {
		offices = append(offices, o.Number)
	}
	left := func(list []bot.Number) (rest, hidden int) { // what the hidden ones sum to, and how many there are
		rest = f.Total
		for _, n := range list {
			if small(n.N) {
				t.Errorf("%s shows %d", where, n.N)
			}
			rest -= n.N
			if n.Hidden {
				hidden++
			}
		}
		return rest, hidden
	}
	for name, list := range map[string][]bot.Number{"months": months, "offices": offices} {
		if rest, hidden := left(list); len(list) > 0 && f.Total > 0 && (hidden == 0 && rest != 0 || hidden == 1 || small(rest)) {
			t.Errorf("%s: %d hidden %s sum to %d", where, hidden, name, rest)
		}
	}
	for _, table := range f.Tables {
		sum := 0
		for _, row := range table.Rows {
			sum += row.N
			if small(row.N) {
				t.Errorf("%s: %s %s is %d", where, table.ID, row.Code, row.N)
			}
			for _, side := range []struct{ cells, sums []bot.Number }{{row.Months[:], months}, {row.Offices, offices}} {
				rest, hidden := row.N, 0
				for j, n := range side.cells {
					if small(n.N) || side.sums[j].Hidden && !n.Hidden {
						t.Errorf("%s: %s %s shows %d in %d, whose sum is %+v", where, table.ID, row.Code, n.N, j, side.sums[j])
					}
					rest -= n.N
					if n.Hidden {
						hidden++
					}
				}
				if len(side.cells) > 0 && (hidden == 1 || hidden == 0 && rest != 0 || rest < 0) {
					t.Errorf("%s: %s %s leaves %d for %d hidden", where, table.ID, row.Code, rest, hidden)
				}
			}
		}
		if f.Total > 0 && sum != f.Total {
			t.Errorf("%s: %s sums to %d of %d", where, table.ID, sum, f.Total)
		}
		for j, m := range months {
			rest, hidden := m.N, 0
			for _, row := range table.Rows {
				rest -= row.Months[j].N
				if row.Months[j].Hidden {
					hidden++
				}
			}
			if !m.Hidden && (hidden == 1 || hidden == 0 && rest != 0) {
				t.Errorf("%s: %s of month %d leaves %d for %d hidden", where, table.ID, j+1, rest, hidden)
			}
		}
		if i := slices.IndexFunc(table.Rows, func(r bot.Row) bool { return r.Code == bot.Others }); i >= 0 && i != len(table.Rows)-1 {
			t.Errorf("%s: the others of %s are not last", where, table.ID)
		}
	}
}

// TestAppointSupervisors: a head appoints a supervisor of the own office, and no coordinator; who sees figures alone manages
// nobody and opens nothing.
func TestAppointSupervisors(t *testing.T) {
	lib, err := builtin()
	if err != nil {
		t.Fatal(err)
	}
	store := storagetest.New(t)
	desk := &bot.Desk{Cases: store, Register: store, Imports: store, Meetings: store, Now: time.Now, Lib: func() *content.Library { return lib }}
	head := &bot.Officer{ID: 1, Role: bot.RoleHead, Office: "agadir"}
	admin := &bot.Officer{ID: 2, Role: bot.RoleAdmin}
	supervisor, network := &bot.Officer{ID: 3, Role: bot.RoleSupervisor, Office: "agadir"}, &bot.Officer{ID: 4, Role: bot.RoleNetwork}
	for i, tt := range []struct {
		who          *bot.Officer
		role, office string
		ok           bool
	}{
		{head, bot.RoleSupervisor, "agadir", true}, {head, bot.RoleSupervisor, "tiznit", false}, {head, bot.RoleNetwork, "", false}, {head, bot.RoleSupervisor, "", false},
		{admin, bot.RoleNetwork, "", true}, {admin, bot.RoleNetwork, "agadir", false}, {admin, bot.RoleSupervisor, "tiznit", true},
		{supervisor, bot.RoleOfficer, "agadir", false}, {network, bot.RoleSupervisor, "agadir", false}, {network, bot.RoleAdmin, "", false},
	} {
		err := desk.Appoint(t.Context(), tt.who, bot.Officer{Login: fmt.Sprint("n", i), Name: "N", Hash: "h", Role: tt.role, Office: tt.office})
		if (err == nil) != tt.ok {
			t.Errorf("%s appoints %s of %q: %v", tt.who.Role, tt.role, tt.office, err)
		}
	}
	for _, who := range []*bot.Officer{supervisor, network} {
		if who.May("agadir") || who.Leads("agadir") || who.Works() {
			t.Errorf("%s may work on cases", who.Role)
		}
		if _, err := desk.List(t.Context(), who, bot.Selection{}); err == nil {
			t.Errorf("%s sees the register", who.Role)
		}
	}
	if off := (&bot.Officer{Role: bot.RoleSupervisor, Office: "agadir", Disabled: true}); off.Counts("agadir") {
		t.Error("a disabled supervisor sees figures")
	}
}

// TestFiguresOfTheMonth: to who sees no people the figures of the running month stand still, whatever happens to cases old
// and new, and the next month shows it; who works on the cases sees them live.
func TestFiguresOfTheMonth(t *testing.T) {
	lib, err := builtin()
	if err != nil {
		t.Fatal(err)
	}
	db, _ := storagetest.Env(t)
	clock := time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)
	now := func() time.Time { return clock }
	store := storagetest.Open(t, storage.Options{DatabaseURL: db, Now: now})
	desk := &bot.Desk{Cases: store, Register: store, Imports: store, Now: now, Lib: func() *content.Library { return lib }}
	amina := &bot.Officer{Login: "amina", Name: "Amina", Hash: "h", Role: bot.RoleOfficer, Office: "agadir"}
	if err := store.SaveOfficer(t.Context(), amina); err != nil {
		t.Fatal(err)
	}
	supervisor, network := &bot.Officer{ID: 98, Role: bot.RoleSupervisor, Office: "agadir"}, &bot.Officer{ID: 99, Role: bot.RoleNetwork}
	n := uint64(0)
	take := func(list ...bot.Earlier) {
		t.Helper()
		i := &bot.Import{Office: "agadir", Officer: amina.ID, Sheet: bot.Sheet{Headings: []string{"x"}}}
		err := store.SaveImport(t.Context(), i)
		if err == nil {
			err = store.TakeOver(t.Context(), i.ID, list, func() string { n++; return flows.Reference("AG", n*7919) })
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var before []bot.Earlier
	for i := range 60 {
		before = append(before, bot.Earlier{Opened: time.Date(2026, time.Month(1+i%5), 1+i%28, 0, 0, 0, 0, time.UTC), State: bot.StateOpen, Answers: map[string]string{
			"profile": "rpt", "need": []string{"A1", "D1"}[i%2], "nationality": []string{"SN", "ML", "CI"}[i%3], "gender": "f", "age": "25-34"}})
	}
	take(before...)
	look := func(who *bot.Officer, office string) *bot.Figures {
		t.Helper()
		f, err := desk.Figures(t.Context(), who, office, 2026)
		if err != nil {
			t.Fatal(err)
		}
		safe(t, f)
		return f
	}
	first, all, live := look(supervisor, "agadir"), look(network, ""), look(amina, "agadir")
	if first.Total != 60 || first.Until.IsZero() || !live.Until.IsZero() {
		t.Fatalf("%d cases until %v, live until %v", first.Total, first.Until, live.Until)
	}
	take(bot.Earlier{Opened: time.Date(2026, 6, 14, 0, 0, 0, 0, time.UTC), State: bot.StateOpen, Lang: content.Arabic,
		Answers: map[string]string{"profile": "mdm", "need": "D1", "nationality": "CI", "gender": "m", "age": "25-34"}})
	list, err := desk.Queue(t.Context(), amina, bot.Query{Limit: 1})
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	if _, err := desk.Close(t.Context(), amina, list[0].ID, bot.Closing{Outcome: "informed"}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, look(supervisor, "agadir")); diff != "" {
		t.Errorf("one new case and one closed tell the supervisor (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(all, look(network, "")); diff != "" {
		t.Errorf("one new case and one closed tell the network (-before +after):\n%s", diff)
	}
	if now := look(amina, "agadir"); now.Total != 61 {
		t.Errorf("who works on them counts %d", now.Total)
	}
	clock = clock.AddDate(0, 1, 0)
	if later := look(supervisor, "agadir"); later.Total != 61 {
		t.Errorf("a month later the supervisor counts %d", later.Total)
	}
}
