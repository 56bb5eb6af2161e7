// Package content holds every word and fact that baom speaks from: the bot's pages, the questions and answers about
// rights, the intake form, the offices, the directory of structures, the words people use for commands, choices,
// countries and dangers — and the search that finds the right answer in a person's own words.
//
// Content is files: Markdown and YAML under this folder, embedded in the program (Builtin) and overlaid, file by file,
// by an office's own folder; pages, labels and words are merged key by key. Load reads all layers, proves them sound and
// returns a Library, which is immutable and safe for concurrent use. README.md tells an editor how each file is written.
//
// Beside the library, content reads what people write: a choice, command or danger by its words (Match, Command,
// Danger), a commune (FindOffice), an age, name, telephone number or country (ReadAge, ReadName, ReadPhone, Country).
// All of it compares texts by Fold, so that capitals, accents and scripts do not matter, and none of it guesses: where
// two things could be meant, nothing is.
package content
