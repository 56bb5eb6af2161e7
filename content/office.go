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
	Langs          []Lang // spoken there
	Phone          string
	Address        Text
	Hours          map[string]string // by weekday (mon … sun): "09:00-12:00 14:00-16:30"
	Ramadan        map[string]string // the same in Ramadan, if different
	Closed         []string          // days, such as 2026-11-18
	HoursConfirmed bool              `yaml:"hours-confirmed"`
	RemindHours    int               `yaml:"remind-hours"` // how long before an appointment the person is reminded, beside the day before; 0: not
	BAOM           *bool             // false: the commune's BAOM does not receive people yet; else it does

	week, fast [7]day // by time.Weekday
	fasts      []period
}

// A Commune is a place without a BAOM, whose people go to the nearest one.
type Commune struct {
	Name     Text
	Also     []string
	Province Text
	Office   string // id of the office that receives them; empty: the nearest
	Lat, Lon float64
}

// A day is its opening hours, in their order.
type day []opening

// An opening is from one minute after midnight to before another.
type opening struct{ from, to int }

// A period is some days, both included.
type period struct{ From, To string }

func (p period) holds(day string) bool { return p.From <= day && day <= p.To }

// isDay reports whether s is a day such as 2026-11-24.
func isDay(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

// weekday is how a file names a day of the week.
func weekday(d time.Weekday) string { return strings.ToLower(d.String()[:3]) }

// parse reads the office's hours and reports what is wrong with it, by key.
func (o *Office) parse(fault func(key, format string, args ...any)) {
	week := func(key string, hours map[string]string, into *[7]day) {
		known := 0
		for d := time.Sunday; d <= time.Saturday; d++ {
			text, ok := hours[weekday(d)]
			if ok {
				known++
			}
			var err error
			if into[d], err = parseDay(text); err != nil {
				fault(key, "%s: %v", weekday(d), err)
			}
		}
		if known != len(hours) {
			fault(key, "the days of the week are mon tue wed thu fri sat sun")
		}
	}
	week("hours", o.Hours, &o.week)
	week("ramadan", o.Ramadan, &o.fast)
	if len(o.Hours) == 0 {
		fault("hours", "has no hours")
	}
	if o.RemindHours < 0 || o.RemindHours > 12 {
		fault("remind-hours", "remind-hours is from 0 to 12, not %d", o.RemindHours)
	}
	for _, d := range o.Closed {
		if !isDay(d) {
			fault("closed", "closed on %q: a day is written such as 2026-11-18", d)
		}
	}
	if !inMorocco(o.Lat, o.Lon) {
		fault("lat", "%g, %g is not in Morocco", o.Lat, o.Lon)
	}
	if o.Coordinates != "exact" && o.Coordinates != "approximate" {
		fault("coordinates", "coordinates are exact or approximate, not %q", o.Coordinates)
	}
	if len(o.Letters) != 2 || strings.Trim(o.Letters, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		fault("letters", "letters are two capitals, not %q", o.Letters)
	}
	for _, l := range o.Langs {
		if !l.Known() {
			fault("langs", "%q is not a language: %v", l, Langs())
		}
	}
	if o.Phone != "" && !isPhone(o.Phone) {
		fault("phone", "%q is not a telephone number", o.Phone)
	}
}

// inMorocco reports whether a place is in Morocco, roughly.
func inMorocco(lat, lon float64) bool { return lat > 20 && lat < 37 && lon > -18 && lon < 0 }

// parseDay reads opening hours such as "09:00-12:00 14:00-16:30"; empty is closed.
func parseDay(s string) (day, error) {
	var list day
	for _, part := range strings.Fields(s) {
		from, to, ok := strings.Cut(part, "-")
		a, errA := time.Parse("15:04", from)
		b, errB := time.Parse("15:04", to)
		if !ok || errA != nil || errB != nil {
			return nil, fmt.Errorf("%q is not written such as 09:00-12:00", part)
		}
		o := opening{a.Hour()*60 + a.Minute(), b.Hour()*60 + b.Minute()}
		if o.from >= o.to || len(list) > 0 && list[len(list)-1].to >= o.from {
			return nil, fmt.Errorf("%q ends before it begins, or overlaps", part)
		}
		list = append(list, o)
	}
	return list, nil
}

// weekOf is the week that holds on a day: the usual one, or that of Ramadan.
func (o *Office) weekOf(date string) *[7]day {
	if len(o.Ramadan) > 0 && slices.ContainsFunc(o.fasts, func(p period) bool { return p.holds(date) }) {
		return &o.fast
	}
	return &o.week
}

// on is the opening hours of the day of a time.
func (o *Office) on(t time.Time) day {
	date := t.Format(time.DateOnly)
	if slices.Contains(o.Closed, date) {
		return nil
	}
	return o.weekOf(date)[t.Weekday()]
}

// Open reports whether the office is open at a time, which is in the office's time zone.
func (o *Office) Open(t time.Time) bool {
	minute := t.Hour()*60 + t.Minute()
	return slices.ContainsFunc(o.on(t), func(s opening) bool { return s.from <= minute && minute < s.to })
}

// Next is the next opening after a time in the office's time zone, within two weeks; ok is false if there is none.
func (o *Office) Next(t time.Time) (next time.Time, ok bool) {
	for i := range 15 {
		noon := time.Date(t.Year(), t.Month(), t.Day()+i, 12, 0, 0, 0, t.Location())
		for _, s := range o.on(noon) {
			opens := time.Date(noon.Year(), noon.Month(), noon.Day(), s.from/60, s.from%60, 0, 0, t.Location())
			if opens.After(t) {
				return opens, true
			}
		}
	}
	return time.Time{}, false
}

// Between is for how long the office was open between two times in its time zone. Of more than maxBetween days it says no
// more than of so many.
func (o *Office) Between(from, to time.Time) (open time.Duration) {
	for i := range maxBetween {
		noon := time.Date(from.Year(), from.Month(), from.Day()+i, 12, 0, 0, 0, from.Location())
		at := func(minute int) time.Time {
			return time.Date(noon.Year(), noon.Month(), noon.Day(), minute/60, minute%60, 0, 0, from.Location())
		}
		if at(0).After(to) {
			break
		}
		for _, s := range o.on(noon) {
			begins, ends := at(s.from), at(s.to)
			if begins.Before(from) {
				begins = from
			}
			if ends.After(to) {
				ends = to
			}
			open += max(0, ends.Sub(begins))
		}
	}
	return open
}

const maxBetween = 90

// HoursText tells the usual week's hours, days of equal hours together: "lundi–jeudi 9 h–12 h, 14 h–16 h 30". HoursOn
// tells those that hold on a day.
func (o *Office) HoursText(l Lang) string { return weekText(&o.week, l) }

// HoursOn tells the hours of the week that holds at a time in the office's time zone: in Ramadan, those of Ramadan.
func (o *Office) HoursOn(t time.Time, l Lang) string {
	return weekText(o.weekOf(t.Format(time.DateOnly)), l)
}

func weekText(week *[7]day, l Lang) string {
	var parts []string
	days := []time.Weekday{1, 2, 3, 4, 5, 6, 0}
	for i := 0; i < 7; {
		j := i
		for j+1 < 7 && slices.Equal(week[days[j+1]], week[days[i]]) {
			j++
		}
		if hours := week[days[i]]; len(hours) > 0 {
			name := dayName(days[i], l)
			if j > i {
				name += "–" + dayName(days[j], l)
			}
			var times []string
			for _, s := range hours {
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

// When tells a time to come as people say it: the day's name, and the date where it is not within the week. Both times
// are in the same time zone.
func When(t, now time.Time, l Lang) string {
	days := daysBetween(now, t)
	at := clock(t.Hour()*60+t.Minute(), l)
	today, tomorrow, to := "aujourd'hui", "demain", " à "
	switch l {
	case Arabic, Darija, Tachelhit:
		today, tomorrow, to = "اليوم", "غدا", " على الساعة "
	case English:
		today, tomorrow, to = "today", "tomorrow", " at "
	case Spanish:
		today, tomorrow, to = "hoy", "mañana", " a las "
	}
	switch {
	case days == 0:
		return today + to + at
	case days == 1:
		return tomorrow + to + at
	case days > 1 && days < 7:
		return dayName(t.Weekday(), l) + to + at
	}
	return dayName(t.Weekday(), l) + " " + t.Format("02/01") + to + at
}

// On tells a time so that it is still right when it is read days later: the day's name, the date and the hour.
func On(t time.Time, l Lang) string {
	to := map[Lang]string{Arabic: " على الساعة ", Darija: " على الساعة ", Tachelhit: " على الساعة ", English: " at ", Spanish: " a las "}[l]
	if to == "" {
		to = " à "
	}
	return dayName(t.Weekday(), l) + " " + t.Format("02/01") + to + clock(t.Hour()*60+t.Minute(), l)
}

// daysBetween counts the midnights between two times, each on its own clock.
func daysBetween(from, to time.Time) int {
	date := func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC) }
	return int(date(to).Sub(date(from)) / (24 * time.Hour))
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
	if !isPlace(lat, lon) {
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

// isPlace reports whether a latitude and a longitude are on earth.
func isPlace(lat, lon float64) bool { return math.Abs(lat) <= 90 && math.Abs(lon) <= 180 }

// distanceKm is the great-circle distance (haversine, a sphere of 6,371 km).
func distanceKm(lat1, lon1, lat2, lon2 float64) float64 {
	rad := math.Pi / 180
	a := math.Pow(math.Sin((lat2-lat1)*rad/2), 2) + math.Cos(lat1*rad)*math.Cos(lat2*rad)*math.Pow(math.Sin((lon2-lon1)*rad/2), 2)
	return 2 * 6371 * math.Asin(math.Min(1, math.Sqrt(a)))
}
