package console

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"

	"baom/bot"
	"baom/content"
)

// What keeps a file from being read as a list.
var (
	errNoSheet = errors.New("not an Excel workbook (.xlsx)")
	errNoRows  = errors.New("no rows under headings")
	errTooLong = errors.New("too many rows or columns")
)

// The bounds of a workbook before it is understood. A list of the most rows with thirty columns keeps within them.
const (
	maxParts     = 200
	maxPart      = 8 << 20   // bytes of one part, unpacked
	maxUnzipped  = 16 << 20  // of all
	maxTags      = 400_000   // in the parts that are held in memory as a whole
	maxCells     = 1_000_000 // tags of the sheets, which are read row by row
	maxText      = 8 << 20   // bytes of all cells together: a text may be named by many
	headingsIn   = 15        // the headings are among the first so many rows
	emptyRows    = 500       // a list ends after so many empty rows
	maxCellRunes = bot.MaxReply + 1
)

// ReadSheet reads the list in an Excel workbook: its first sheet that has one, under the row with the most headings among
// the first. Days stay the numbers by which they are stored. No formula is worked out: a cell has the value that was saved
// with it. Whatever the bytes are, it returns a list or an error.
func ReadSheet(data []byte) (sheet bot.Sheet, err error) {
	defer func() {
		if r := recover(); r != nil { // the library meets a file that nobody made with Excel
			sheet, err = bot.Sheet{}, fmt.Errorf("%w: %w: a %T", errNoSheet, bot.ErrInvalid, r)
		}
	}()
	if !bytes.HasPrefix(data, []byte("PK")) {
		return sheet, fmt.Errorf("%w: %w", errNoSheet, bot.ErrInvalid)
	}
	if err := bounded(data); err != nil {
		return sheet, fmt.Errorf("%w: %w", err, bot.ErrInvalid)
	}
	f, err := excelize.OpenReader(bytes.NewReader(data), excelize.Options{UnzipSizeLimit: maxUnzipped, UnzipXMLSizeLimit: maxUnzipped, RawCellValue: true})
	if err != nil {
		return sheet, fmt.Errorf("%w: %w: %w", errNoSheet, bot.ErrInvalid, err)
	}
	defer f.Close()
	if p, err := f.GetWorkbookProps(); err == nil && p.Date1904 != nil {
		sheet.Date1904 = *p.Date1904
	}
	err = errNoRows
	room := maxText
	for _, name := range f.GetSheetList() {
		rows, numbers, readErr := readRows(f, name, &room)
		if readErr != nil {
			return bot.Sheet{}, fmt.Errorf("%w: %w", readErr, bot.ErrInvalid)
		}
		if sheet.Headings, sheet.Rows = lay(rows, numbers); len(sheet.Rows) > 0 {
			return sheet, nil
		}
	}
	return bot.Sheet{}, fmt.Errorf("%w: %w", errNoRows, bot.ErrInvalid)
}

// bounded reads through a workbook's parts as the library would, and is an error where they are more than a list can be:
// a small file can unpack to what no memory holds.
func bounded(data []byte) error {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return fmt.Errorf("%w: %w", errNoSheet, err)
	}
	if len(z.File) > maxParts {
		return errTooLong
	}
	all, tags, cells := int64(0), 0, 0
	buf := make([]byte, 64<<10)
	for _, part := range z.File {
		r, err := part.Open()
		if err != nil {
			return fmt.Errorf("%w: %w", errNoSheet, err)
		}
		count := &tags
		if strings.Contains(strings.ToLower(part.Name), "worksheets/") {
			count = &cells
		}
		size := int64(0)
		for {
			n, err := r.Read(buf)
			size += int64(n)
			*count += bytes.Count(buf[:n], []byte("<"))
			if size > maxPart || all+size > maxUnzipped || tags > maxTags || cells > maxCells {
				return errors.Join(errTooLong, r.Close())
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				return fmt.Errorf("%w: %w", errNoSheet, errors.Join(err, r.Close()))
			}
		}
		all += size
		if err := r.Close(); err != nil {
			return fmt.Errorf("%w: %w", errNoSheet, err)
		}
	}
	return nil
}

// readRows are the rows of a sheet that are not empty, with their numbers. Their texts take of the room that there is.
func readRows(f *excelize.File, name string, room *int) (rows [][]string, numbers []int, err error) {
	it, err := f.Rows(name)
	if err != nil {
		return nil, nil, nil // a chart, or a sheet that is not there
	}
	defer it.Close()
	for number, empty := 1, 0; it.Next() && empty < emptyRows; number++ {
		cells, err := it.Columns(excelize.Options{RawCellValue: true})
		if err != nil {
			return nil, nil, fmt.Errorf("%w: %w", errNoSheet, err)
		}
		last := 0
		for i, c := range cells {
			if c = strings.TrimSpace(c); c != "" {
				last = i + 1
			}
			if utf8.RuneCountInString(c) > maxCellRunes {
				c = string([]rune(c)[:maxCellRunes])
			}
			cells[i] = strings.ToValidUTF8(c, "")
			if *room -= len(cells[i]); *room < 0 {
				return nil, nil, errTooLong
			}
		}
		if last == 0 {
			empty++
			continue
		}
		if empty = 0; last > bot.MaxImportColumns || len(rows) > bot.MaxImportRows+headingsIn {
			return nil, nil, errTooLong
		}
		rows, numbers = append(rows, cells[:last]), append(numbers, number)
	}
	return rows, numbers, nil
}

// lay finds the headings: the row with the most words among the first. What has no heading is not read, and of headings that
// are the same each gets its place in the row.
func lay(rows [][]string, numbers []int) (headings []string, list []bot.SheetRow) {
	at, most := -1, 1
	for i, row := range rows[:min(len(rows), headingsIn)] {
		n := 0
		for _, c := range row {
			if _, err := strconv.ParseFloat(c, 64); c != "" && err != nil && utf8.RuneCountInString(c) <= 80 {
				n++
			}
		}
		if n > most {
			at, most = i, n
		}
	}
	if at < 0 {
		return nil, nil
	}
	var places []int
	seen := map[string]bool{}
	for i, h := range rows[at] {
		h = strings.Join(strings.Fields(h), " ")
		if h == "" {
			continue
		}
		if r := []rune(h); len(r) > 80 {
			h = string(r[:80])
		}
		if seen[content.Fold(h)] {
			h += " (" + strconv.Itoa(i+1) + ")"
		}
		seen[content.Fold(h)] = true
		headings, places = append(headings, h), append(places, i)
	}
	for i := at + 1; i < len(rows); i++ {
		row := bot.SheetRow{Number: numbers[i], Cells: make([]string, len(places))}
		some := false
		for n, place := range places {
			if place < len(rows[i]) {
				row.Cells[n] = rows[i][place]
				some = some || row.Cells[n] != ""
			}
		}
		if some {
			list = append(list, row)
		}
	}
	return headings, list
}
