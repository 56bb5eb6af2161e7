package content

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// An Office is the BAOM of one commune.
type Office struct {
	ID             string
	Letters        string // the first two letters of its references
	Name           Text
	Also           []string // other spellings of its name
	Province       Text
	Code           string // of the commune, by the Haut-Commissariat au Plan
	Lat, Lon       float64
	Coordinates    string // exact or approximate
	Langs          []Lang
	Phone          string
	Address        Text
	Hours          map[string]string // by weekday (mon … sun): "09:00-12:00 14:00-16:30"
	Ramadan        map[string]string `yaml:"ramadan"` // the same in Ramadan, if different
	Closed         []string          // days, such as 2026-11-18
	HoursConfirmed bool              `yaml:"hours-confirmed"`

	week, fasting [7][]span // by time.Weekday
	ramadan       []period
}

// A Commune is a place without a BAOM, whose people go to the nearest one.
type Commune struct {
	Name     Text
	Also     []string
	Province Text
	Office   string // id of the office that receives them; empty: the nearest
	Lat, Lon float64
}

// A span is opening and closing, in minutes after midnight.
type span struct{ from, to int }

// A period is some days, both included.
type period struct{ From, To string }

func (p period) holds(day string) bool { return p.From <= day && day <= p.To }

func weekday(d time.Weekday) string { return strings.ToLower(d.String()[:3]) }

// parse reads the office's hours.
func (o *Office) parse() error {
	for d := time.Sunday; d <= time.Saturday; d++ {
		var err error
		if o.week[d], err = parseSpans(o.Hours[weekday(d)]); err != nil {
			return fmt.Errorf("hours of %s: %w", weekday(d), err)
		}
		if o.fasting[d], err = parseSpans(o.Ramadan[weekday(d)]); err != nil {
			return fmt.Errorf("hours of %s in Ramadan: %w", weekday(d), err)
		}
	}
	for _, day := range o.Closed {
		if _, err := time.Parse(time.DateOnly, day); err != nil {
			return fmt.Errorf("closed on %q: a day is written such as 2026-11-18", day)
		}
	}
	if o.Lat < 20 || o.Lat > 37 || o.Lon < -18 || o.Lon > 0 {
		return fmt.Errorf("%g, %g is not in Morocco", o.Lat, o.Lon)
	}
	if len(o.Letters) != 2 {
		return fmt.Errorf("letters are two capitals, not %q", o.Letters)
	}
	return nil
}

func parseSpans(s string) ([]span, error) {
	var spans []span
	for _, part := range strings.Fields(s) {
		var h1, m1, h2, m2 int
		if _, err := fmt.Sscanf(part, "%d:%d-%d:%d", &h1, &m1, &h2, &m2); err != nil {
			return nil, fmt.Errorf("%q is not written such as 09:00-12:00", part)
		}
		sp := span{h1*60 + m1, h2*60 + m2}
		if sp.from >= sp.to || sp.to > 24*60 || len(spans) > 0 && spans[len(spans)-1].to > sp.from {
			return nil, fmt.Errorf("%q ends before it begins, or overlaps", part)
		}
		spans = append(spans, sp)
	}
	return spans, nil
}

// spans are the opening hours of a day.
func (o *Office) spans(day time.Time) []span {
	date := day.Format(time.DateOnly)
	if slices.Contains(o.Closed, date) {
		return nil
	}
	if len(o.Ramadan) > 0 && slices.ContainsFunc(o.ramadan, func(p period) bool { return p.holds(date) }) {
		return o.fasting[day.Weekday()]
	}
	return o.week[day.Weekday()]
}

// Open reports whether the office is open at a time in its own time zone.
func (o *Office) Open(t time.Time) bool {
	minute := t.Hour()*60 + t.Minute()
	return slices.ContainsFunc(o.spans(t), func(s span) bool { return s.from <= minute && minute < s.to })
}

// Next is the next opening after a time, within two weeks; ok is false if there is none.
func (o *Office) Next(t time.Time) (next time.Time, ok bool) {
	minute := t.Hour()*60 + t.Minute()
	for i := range 15 {
		day := time.Date(t.Year(), t.Month(), t.Day()+i, 0, 0, 0, 0, t.Location())
		for _, s := range o.spans(day) {
			if i > 0 || s.from > minute {
				return day.Add(time.Duration(s.from) * time.Minute), true
			}
		}
	}
	return time.Time{}, false
}

// HoursText tells the week's hours, days of equal hours together.
func (o *Office) HoursText(l Lang) string {
	var parts []string
	days := []time.Weekday{1, 2, 3, 4, 5, 6, 0}
	for i := 0; i < 7; {
		j := i
		for j+1 < 7 && slices.Equal(o.week[days[j+1]], o.week[days[i]]) {
			j++
		}
		if spans := o.week[days[i]]; len(spans) > 0 {
			name := dayName(days[i], l)
			if j > i {
				name += "–" + dayName(days[j], l)
			}
			var times []string
			for _, s := range spans {
				times = append(times, clock(s.from, l)+"–"+clock(s.to, l))
			}
			parts = append(parts, name+" "+strings.Join(times, ", "))
		}
		i = j + 1
	}
	return strings.Join(parts, " ; ")
}

func dayName(d time.Weekday, l Lang) string {
	switch l {
	case Arabic, Darija, Tachelhit:
		return [...]string{"الأحد", "الاثنين", "الثلاثاء", "الأربعاء", "الخميس", "الجمعة", "السبت"}[d]
	case English:
		return d.String()
	case Spanish:
		return [...]string{"domingo", "lunes", "martes", "miércoles", "jueves", "viernes", "sábado"}[d]
	}
	return [...]string{"dimanche", "lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi"}[d]
}

// clock writes minutes after midnight as the language does.
func clock(minutes int, l Lang) string {
	h, m := minutes/60, minutes%60
	if l == French || !l.Known() {
		if m == 0 {
			return fmt.Sprintf("%d h", h)
		}
		return fmt.Sprintf("%d h %02d", h, m)
	}
	return fmt.Sprintf("%d:%02d", h, m)
}

// When tells a time to come as people say it: the day's name, and the date where it is not within the week.
func When(t, now time.Time, l Lang) string {
	today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	days := int(t.Sub(today).Hours() / 24)
	at := clock(t.Hour()*60+t.Minute(), l)
	today0, tomorrow, to := "aujourd'hui", "demain", " à "
	switch l {
	case Arabic, Darija, Tachelhit:
		today0, tomorrow, to = "اليوم", "غدا", " على الساعة "
	case English:
		today0, tomorrow, to = "today", "tomorrow", " at "
	case Spanish:
		today0, tomorrow, to = "hoy", "mañana", " a las "
	}
	switch {
	case days == 0:
		return today0 + to + at
	case days == 1:
		return tomorrow + to + at
	case days < 7:
		return dayName(t.Weekday(), l) + to + at
	}
	return dayName(t.Weekday(), l) + " " + t.Format("02/01") + to + at
}

// Offices lists the offices.
func (lib *Library) Offices() []Office { return lib.offices }

// Office finds an office by id; nil if there is none.
func (lib *Library) Office(id string) *Office {
	for i := range lib.offices {
		if lib.offices[i].ID == id {
			return &lib.offices[i]
		}
	}
	return nil
}

// NearestOffice is the office nearest to a place, and how far it is as the crow flies, in kilometres. It is nil for a
// place that makes no sense.
func (lib *Library) NearestOffice(lat, lon float64) (*Office, float64) {
	var best *Office
	least := math.Inf(1)
	if math.IsNaN(lat) || math.IsNaN(lon) || math.Abs(lat) > 90 || math.Abs(lon) > 180 {
		return nil, 0
	}
	for i := range lib.offices {
		o := &lib.offices[i]
		if d := distanceKm(lat, lon, o.Lat, o.Lon); d < least {
			best, least = o, d
		}
	}
	return best, least
}

// distanceKm is the great-circle distance (haversine, a sphere of 6,371 km).
func distanceKm(lat1, lon1, lat2, lon2 float64) float64 {
	rad := math.Pi / 180
	a := math.Pow(math.Sin((lat2-lat1)*rad/2), 2) + math.Cos(lat1*rad)*math.Cos(lat2*rad)*math.Pow(math.Sin((lon2-lon1)*rad/2), 2)
	return 2 * 6371 * math.Asin(math.Min(1, math.Sqrt(a)))
}

// A place is a folded name and the office that receives its people.
type place struct {
	name   string
	office string
}

// gazetteer lists every spelling of every commune, longest first, so that "Agadir Melloul" is not taken for "Agadir".
func (lib *Library) gazetteer() []place {
	var list []place
	add := func(office string, names ...string) {
		for _, n := range names {
			if f := Fold(n); f != "" {
				list = append(list, place{f, office})
			}
		}
	}
	for _, o := range lib.offices {
		for _, l := range Langs() {
			add(o.ID, o.Name[l])
		}
		add(o.ID, o.Also...)
	}
	for _, c := range lib.communes {
		office := c.Office
		if office == "" {
			if o, _ := lib.NearestOffice(c.Lat, c.Lon); o != nil {
				office = o.ID
			}
		}
		for _, l := range Langs() {
			add(office, c.Name[l])
		}
		add(office, c.Also...)
	}
	slices.SortStableFunc(list, func(a, b place) int { return len(b.name) - len(a.name) })
	return list
}

// FindOffice is the office of the commune that a text names, in any spelling or script, also inside a sentence or with
// a slip of one letter. A commune without a BAOM leads to the office that receives its people.
func (lib *Library) FindOffice(text string) (id string, ok bool) {
	said := Fold(text)
	if said == "" || len(said) > 300 {
		return "", false
	}
	padded := " " + said + " "
	for _, p := range lib.places {
		if strings.Contains(padded, " "+p.name+" ") {
			return p.office, true
		}
	}
	words := strings.Fields(said)
	for _, p := range lib.places {
		n := len(strings.Fields(p.name))
		for i := 0; i+n <= len(words); i++ {
			if said := strings.Join(words[i:i+n], " "); len(said) >= 5 && len(p.name) >= 5 && oneSlip(said, p.name) {
				return p.office, true
			}
		}
	}
	return "", false
}

// A Structure is a place, service or association that can help, as an entry of the directory.
type Structure struct {
	ID              string
	Name            Text
	For             Text     // what it does for people
	Whom            []string // profiles; empty: everybody
	Needs           []string // codes
	Place           Text
	Lat, Lon        float64
	Phone           string
	PhoneConfirmed  bool   `yaml:"phone-confirmed"`
	PhoneUnverified string `yaml:"phone-unverified"` // known, but not to be given to people
	Hours           Text
	How             Text // how to present oneself
	URL             string
	Source          string
	Verified        string // a day
	Confidence      string
}

// Structures lists the directory.
func (lib *Library) Structures() []Structure { return lib.structs }

// Structure finds an entry of the directory; nil if there is none.
func (lib *Library) Structure(id string) *Structure {
	for i := range lib.structs {
		if lib.structs[i].ID == id {
			return &lib.structs[i]
		}
	}
	return nil
}
