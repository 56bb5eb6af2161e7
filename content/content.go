// Package content holds every word and fact that baom speaks from: the bot's pages, the questions and answers about
// rights, the intake form, the offices, the directory of structures, the words people use for commands, choices,
// countries and dangers — and the search that finds the right answer in a person's own words.
//
// Content is files: Markdown and YAML under this folder, embedded in the program (Builtin) and overlaid, file by file,
// by an office's own folder. Load reads all layers, proves them sound and returns a Library, which is immutable and
// safe for concurrent use.
package content
