package bot_test

import (
	"fmt"
	"slices"
	"testing"

	"baom/bot"
)

func TestSuppress(t *testing.T) {
	for _, tt := range []struct {
		list []int
		want string // x: hidden
	}{
		{nil, ""},
		{[]int{12, 9, 30}, "..."},
		{[]int{12, 0, 30}, "..."},
		{[]int{12, 3, 30}, "xx."},    // one alone is total less the others: a second goes with it, the smallest
		{[]int{1, 1, 30, 8}, "xx.x"}, // two that sum to 2 must both be 1
		{[]int{4, 4, 30}, "xxx"},     // both as great as they can be: one alone beside them would be found out
		{[]int{2, 1}, "xx"},          // a total below the threshold
		{[]int{0, 0}, "xx"},
		{[]int{3, 5, 5, 9}, "xxx."}, // which of two equals goes would tell something
	} {
		if got := pattern(bot.Suppress(tt.list, 5)); got != tt.want {
			t.Errorf("%v: %s, want %s", tt.list, got, tt.want)
		}
	}
}

func pattern(hidden []bool) string {
	s := ""
	for _, h := range hidden {
		if h {
			s += "x"
		} else {
			s += "."
		}
	}
	return s
}

// TestSuppressGrid: a small number is never alone in its row or column, and corners that are noughts do not pin it.
func TestSuppressGrid(t *testing.T) {
	for _, tt := range []struct {
		grid [][]int
		want string
	}{
		{[][]int{{10, 20}, {30, 40}}, ".. .."},
		{[][]int{{3, 20}, {30, 40}}, "xx xx"},
		{[][]int{{3, 20, 9}, {30, 40, 6}, {7, 8, 9}}, "x.x ... x.x"},
		{[][]int{{5, 0}, {0, 5}}, ".. .."},
	} {
		got := ""
		for i, row := range bot.SuppressGrid(tt.grid, 5) {
			if i > 0 {
				got += " "
			}
			got += pattern(row)
		}
		if got != tt.want {
			t.Errorf("%v: %s, want %s", tt.grid, got, tt.want)
		}
	}
}

// FuzzSuppress is an outsider with the sum, what is shown and the rules of suppression themselves, who tries every list
// that fits: no hidden number has one value alone.
func FuzzSuppress(f *testing.F) {
	f.Add([]byte{3, 5, 5})
	f.Add([]byte{1, 1, 7, 2})
	f.Add([]byte{4, 9, 5, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		const k = 3 // small, so that everything can be tried
		var list []int
		for _, b := range data[:min(len(data), 5)] {
			list = append(list, int(b)%9)
		}
		hidden := bot.Suppress(list, k)
		sum, total := 0, 0
		for i, n := range list {
			total += n
			if hidden[i] {
				sum += n
			} else if n > 0 && n < k {
				t.Fatalf("%v: %d is shown", list, n)
			}
		}
		if total < k || !slices.Contains(hidden, true) {
			return
		}
		seen := make([]map[int]bool, len(list))
		for i := range seen {
			seen[i] = map[int]bool{}
		}
		try := slices.Clone(list)
		var walk func(i, left int)
		walk = func(i, left int) {
			if i == len(try) {
				if left == 0 && slices.Equal(bot.Suppress(try, k), hidden) {
					for j, n := range try {
						seen[j][n] = true
					}
				}
				return
			}
			if !hidden[i] {
				walk(i+1, left)
				return
			}
			for n := range left + 1 {
				try[i] = n
				walk(i+1, left-n)
			}
		}
		walk(0, sum)
		for i := range list {
			if hidden[i] && len(seen[i]) < 2 {
				t.Errorf("%v: number %d can only be %v", list, i, seen[i])
			}
		}
	})
}

// FuzzSuppressGrid is an outsider with the sums of the rows and columns and what is shown, who tries every table that fits:
// no hidden number has fewer than k+1 values.
func FuzzSuppressGrid(f *testing.F) {
	f.Add([]byte{2, 2, 9, 1, 8, 7})
	f.Add([]byte{3, 3, 1, 5, 6, 7, 0, 9, 3, 2, 1})
	f.Add([]byte{2, 3, 0, 3, 0, 3, 3, 3})
	f.Fuzz(func(t *testing.T, data []byte) {
		const k = 3
		if len(data) < 2 {
			return
		}
		rows, cols := 1+int(data[0])%3, 1+int(data[1])%3
		grid, at := make([][]int, rows), 2
		r, c := make([]int, rows), make([]int, cols)
		for i := range grid {
			grid[i] = make([]int, cols)
			for j := range grid[i] {
				if at < len(data) {
					grid[i][j] = int(data[at]) % 7
					at++
				}
				r[i] += grid[i][j]
				c[j] += grid[i][j]
			}
		}
		for _, sum := range append(slices.Clone(r), c...) {
			if sum > 0 && sum < k {
				return // the caller's duty
			}
		}
		hidden := bot.SuppressGrid(grid, k)
		for i, row := range grid {
			for j, n := range row {
				if n > 0 && n < k && !hidden[i][j] {
					t.Fatalf("%v: %d is shown", grid, n)
				}
			}
		}
		seen := map[[2]int]map[int]bool{}
		try := make([][]int, rows)
		for i := range try {
			try[i] = make([]int, cols)
			for j := range try[i] {
				seen[[2]int{i, j}] = map[int]bool{}
			}
		}
		rest := slices.Clone(c)
		var walk func(i, j, left int)
		walk = func(i, j, left int) {
			if i == rows {
				for a, row := range try {
					for b, n := range row {
						seen[[2]int{a, b}][n] = true
					}
				}
				return
			}
			take := func(n int) {
				if n > left || n > rest[j] || j == cols-1 && n != left || i == rows-1 && n != rest[j] {
					return
				}
				try[i][j] = n
				rest[j] -= n
				switch {
				case j < cols-1:
					walk(i, j+1, left-n)
				case i < rows-1:
					walk(i+1, 0, r[i+1])
				default:
					walk(rows, 0, 0)
				}
				rest[j] += n
			}
			if !hidden[i][j] {
				take(grid[i][j])
				return
			}
			for n := range left + 1 {
				take(n)
			}
		}
		walk(0, 0, r[0])
		for i, row := range grid {
			for j, n := range row {
				if got := len(seen[[2]int{i, j}]); hidden[i][j] && got < k+1 {
					t.Errorf("%v hides %v: the %d at %d, %d has only %d values: %s", grid, hidden, n, i, j, got, fmt.Sprint(seen[[2]int{i, j}]))
				}
			}
		}
	})
}
