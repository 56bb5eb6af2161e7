package whatsapp

import "slices"

// NamedIn reports whether a column is one of those by which Forget erases.
func NamedIn(table, column string) bool {
	return slices.ContainsFunc(named, func(n struct{ table, column string }) bool { return n.table == table && n.column == column })
}
