package content

import (
	"cmp"
	"slices"
)

// confidences are how sure a fact is.
var confidences = []string{"high", "medium", "low"}

// A Structure is a place, service or association that can help, as an entry of the directory.
type Structure struct {
	ID              string
	Name            Text
	For             Text     // what it does for people
	Whom            []string // profiles; empty: everybody
	Needs           []string // codes
	Place           Text
	Lat, Lon        float64 // both 0: not known, or everywhere
	Coordinates     string  // exact if they are those of the door; else they are those of the town
	Phone           string
	PhoneConfirmed  bool   `yaml:"phone-confirmed"`
	PhoneUnverified string `yaml:"phone-unverified"` // known, but not to be given to people
	Hours           Text
	How             Text // how to present oneself
	Bring           Text // what to bring; empty: any paper that may be of use
	URL             string
	Source          string // where the entry comes from
	Verified        string // the day on which it was checked there
	Confidence      string // high, medium, low
}

// Structures lists the directory in its own order.
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

// Orient lists the structures that serve a need (a code) of a profile, best first: those made for the need before
// those that help the profile with anything, those made for the profile before those for everybody, the near before
// the far, the sure before the unsure. An unknown profile is "", an unknown place NaN or 0, 0. What has neither needs nor
// profiles, such as the police, is not an orientation.
func (lib *Library) Orient(need, profile string, lat, lon float64) []Structure {
	type ranked struct {
		at   int
		rank [4]int
	}
	var list []ranked
	for i := range lib.structs {
		s := &lib.structs[i]
		forNeed, forProfile := slices.Contains(s.Needs, need), slices.Contains(s.Whom, profile)
		if !forNeed && (len(s.Needs) > 0 || !forProfile) || len(s.Whom) > 0 && !forProfile && profile != "" {
			continue
		}
		list = append(list, ranked{i, [4]int{no(forNeed), no(forProfile), s.reach(lat, lon), slices.Index(confidences, s.Confidence)}})
	}
	slices.SortStableFunc(list, func(a, b ranked) int {
		return cmp.Or(slices.Compare(a.rank[:], b.rank[:]), cmp.Compare(a.at, b.at))
	})
	out := make([]Structure, len(list))
	for i, r := range list {
		out[i] = lib.structs[r.at]
	}
	return out
}

// no is 1 for what does not hold, so that what holds comes first.
func no(holds bool) int {
	if holds {
		return 0
	}
	return 1
}

// reach classes how far a structure is: 0 a short way (20 km), 1 in the region (120 km) or not tied to a place, 2
// farther.
func (s *Structure) reach(lat, lon float64) int {
	if s.Lat == 0 && s.Lon == 0 || !isPlace(lat, lon) || lat == 0 && lon == 0 {
		return 1
	}
	switch d := distanceKm(lat, lon, s.Lat, s.Lon); {
	case d <= 20:
		return 0
	case d <= 120:
		return 1
	}
	return 2
}
