// Package notice carries notices to officers: pushes to their browsers (RFC 8030, encrypted as RFC 8291 has it, the office
// known by RFC 8292), and mail through the office's server. A notice holds counts and no word of anybody; the services in
// between learn that an officer of this office is told something, and when.
package notice
