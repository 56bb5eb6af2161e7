package bot

import (
	"cmp"
	"slices"
)

// Threshold is the least number of cases that a published figure stands for, other than none at all.
const Threshold = 5

// Suppress says which numbers of a list are not shown, given that their sum is: those from 1 to k-1, and as many of the
// smallest others as it takes so that two or more are hidden, that they could be shared out otherwise with k to spare
// over one each, and that they are not all as great as a small number can be. Where that cannot be had, and where the sum
// is below k, everything is hidden, noughts too.
func Suppress(list []int, k int) []bool {
	hidden := make([]bool, len(list))
	total, count, sum, large := 0, 0, 0, 0
	hide := func(i int) {
		hidden[i] = true
		count++
		sum += list[i]
	}
	var order []int // those that are not small, the smallest first
	for i, n := range list {
		total += n
		switch {
		case n >= k:
			order = append(order, i)
		case n > 0:
			hide(i)
		}
	}
	if total >= k && count == 0 {
		return hidden
	}
	enough := func() bool { return count >= 2 && sum-count >= k && (large > 0 || count*(k-1) > sum) }
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(list[a], list[b]) })
	for _, i := range order {
		if enough() && list[i] != large {
			break
		}
		hide(i)
		large = list[i] // and all that are equal to it: the rules do not tell one of them from another
	}
	if total < k || !enough() { // noughts too
		for i := range hidden {
			hidden[i] = true
		}
	}
	return hidden
}

// SuppressGrid says which numbers of a table are not shown, given that the sums of its rows and columns are, each of which
// is k or more, or 0. It hides the numbers from 1 to k-1, and others, noughts too, until what is shown leaves every hidden
// number at least k+1 values that it may have. Hiding everything would always be enough: a number then lies anywhere from
// max(0, row+column-total) to min(row, column), which are k apart or more where there are two rows and two columns; and
// with a single one there is nothing small to hide.
func SuppressGrid(grid [][]int, k int) [][]bool {
	t := newTable(grid)
	for i, row := range grid {
		for j, n := range row {
			t.hidden[i][j] = n > 0 && n < k
		}
	}
	for again := true; again; {
		again = false
		for i, row := range grid {
			for j := range row {
				for t.hidden[i][j] && t.slack(i, j, k) < k && t.widen(i, j) {
					again = true
				}
			}
		}
	}
	return t.hidden
}

// A table is a grid under suppression. What an outsider can say of its hidden numbers is a question of flow: each row and
// each column is a node, each hidden number an edge between them. To make one number larger by one, and keep all sums, is
// to send one along a way of hidden numbers that grow and shrink in turn back to where it began; what shrinks must not
// fall below nought.
type table struct {
	grid   [][]int
	hidden [][]bool
	rows   int
	cols   int
	rowSum []int
	colSum []int
}

func newTable(grid [][]int) *table {
	t := &table{grid: grid, rows: len(grid)}
	for _, row := range grid {
		t.cols = len(row)
		t.hidden = append(t.hidden, make([]bool, len(row)))
	}
	t.rowSum, t.colSum = make([]int, t.rows), make([]int, t.cols)
	for i, row := range grid {
		for j, n := range row {
			t.rowSum[i] += n
			t.colSum[j] += n
		}
	}
	return t
}

// slack is by how much the hidden number at i, j may differ, up and down together, for who knows all that is shown; it is
// counted up to most.
func (t *table) slack(i, j, most int) int {
	up := t.shift(i, j, most, true)
	if up >= most {
		return up
	}
	return up + min(t.grid[i][j], t.shift(i, j, most-up, false))
}

// shift is by how much, up to most, the other hidden numbers can make good for a change of the one at i, j: a maximum flow,
// found way by way. changed holds what the ways found so far do to each number.
func (t *table) shift(i, j, most int, up bool) int {
	changed := make([][]int, t.rows)
	for r := range changed {
		changed[r] = make([]int, t.cols)
	}
	done := 0
	for done < most {
		way := t.way(i, j, up, changed)
		if way == nil {
			break
		}
		// A way has the numbers in turn, the first shrinking where the one at i, j grows.
		step := most - done
		for n, c := range way {
			if (n%2 == 0) == up {
				step = min(step, t.grid[c[0]][c[1]]+changed[c[0]][c[1]])
			}
		}
		for n, c := range way {
			if (n%2 == 0) == up {
				changed[c[0]][c[1]] -= step
			} else {
				changed[c[0]][c[1]] += step
			}
		}
		done += step
	}
	return done
}

// way is a shortest way from row i to column j over hidden numbers other than the one at i, j: row to column and back in
// turn. Where the number at i, j grows, the first on the way shrinks, the next grows, and so on; what shrinks must be more
// than nought.
func (t *table) way(i, j int, up bool, changed [][]int) [][2]int {
	from := make([]int, t.rows+t.cols) // the node before; -1: not reached
	for n := range from {
		from[n] = -1
	}
	from[i] = i
	queue := []int{i}
	for len(queue) > 0 && from[t.rows+j] < 0 {
		n := queue[0]
		queue = queue[1:]
		if n < t.rows { // a row: a number that shrinks where up
			for c := range t.cols {
				if t.hidden[n][c] && from[t.rows+c] < 0 && !(n == i && c == j) && (!up || t.grid[n][c]+changed[n][c] > 0) {
					from[t.rows+c] = n
					queue = append(queue, t.rows+c)
				}
			}
			continue
		}
		for r := range t.rows {
			c := n - t.rows
			if t.hidden[r][c] && from[r] < 0 && !(r == i && c == j) && (up || t.grid[r][c]+changed[r][c] > 0) {
				from[r] = n
				queue = append(queue, r)
			}
		}
	}
	if from[t.rows+j] < 0 {
		return nil
	}
	var way [][2]int
	for n := t.rows + j; n != i; n = from[n] {
		before := from[n]
		if n >= t.rows {
			way = append(way, [2]int{before, n - t.rows})
		} else {
			way = append(way, [2]int{n, before - t.rows})
		}
	}
	slices.Reverse(way)
	return way
}

// widen hides the corners of a rectangle that has the number at i, j for a corner: the one that takes least from what is
// shown and hides something more. ok is false where nothing is left to be hidden.
func (t *table) widen(i, j int) (ok bool) {
	best, bestR, bestC := 0, -1, -1
	for r := range t.rows {
		for c := range t.cols {
			if r == i || c == j || t.rowSum[r] == 0 || t.colSum[c] == 0 { // a sum of 0 says all
				continue
			}
			cost, fresh := 0, false
			for _, at := range [][2]int{{i, c}, {r, j}, {r, c}} {
				if n := t.grid[at[0]][at[1]]; !t.hidden[at[0]][at[1]] {
					fresh = true
					cost += n + 1
					if n == 0 {
						cost += 3 // a nought gives way in one direction alone
					}
				}
			}
			if fresh && (bestR < 0 || cost < best) {
				best, bestR, bestC = cost, r, c
			}
		}
	}
	if bestR < 0 {
		return false
	}
	t.hidden[i][bestC], t.hidden[bestR][j], t.hidden[bestR][bestC] = true, true, true
	return true
}
