package batchapi

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/home"
)

// storage is the folder of the API. Only one process uses it. Records of files and batches are small JSON files, which are replaced in one
// step; what a file has is stored once, under the hash of its bytes. A record is written after what it refers to, and removed before it:
// what nothing refers to was left by a process that was killed, and is removed when the folder is opened.
type storage struct {
	folder string
	log    *slog.Logger

	mu   sync.Mutex
	uses map[string]int // By hash: records of files, and of open batches, that need the content.
}

// The folders in it.
const (
	contentFolder = "content"
	filesFolder   = "files"
	batchesFolder = "batches"
	uploadsFolder = "uploads" // Of what is being received, or written.
)

// The beginnings of ids.
const (
	filePrefix  = "file-"
	batchPrefix = "batch_"
)

var idPattern = regexp.MustCompile(`^(file-|batch_)[0-9a-f]{32}$`)

// newID returns an id. Those of later records are greater.
func newID(prefix string) string {
	random := make([]byte, 8)
	_, _ = rand.Read(random) // It never fails.
	return fmt.Sprintf("%s%016x%s", prefix, time.Now().UnixNano(), hex.EncodeToString(random))
}

// isID reports whether a text is an id of that kind. No other becomes part of a path.
func isID(prefix, text string) bool {
	return strings.HasPrefix(text, prefix) && idPattern.MatchString(text)
}

// openStorage opens the folder, and removes what a killed process has left.
func openStorage(folder string, log *slog.Logger) (*storage, error) {
	s := &storage{folder: folder, log: log, uses: map[string]int{}}
	if err := os.RemoveAll(s.path(uploadsFolder)); err != nil {
		return nil, err
	}
	for _, name := range []string{contentFolder, filesFolder, batchesFolder, uploadsFolder} {
		if err := os.MkdirAll(s.path(name), 0o700); err != nil {
			return nil, err
		}
	}
	whole, err := s.countUses()
	if err != nil || !whole { // What a record refers to that cannot be read is not known: no content is removed.
		return s, err
	}
	contents, err := os.ReadDir(s.path(contentFolder))
	if err != nil {
		return nil, err
	}
	for _, entry := range contents {
		if s.uses[entry.Name()] == 0 {
			if err := os.Remove(s.path(contentFolder, entry.Name())); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

// countUses reads all records, and removes what is left of writing some. It reports whether all could be read.
func (s *storage) countUses() (whole bool, err error) {
	for _, folder := range []string{filesFolder, batchesFolder} {
		entries, err := os.ReadDir(s.path(folder))
		if err != nil {
			return false, err
		}
		for _, entry := range entries {
			if strings.HasPrefix(entry.Name(), ".") {
				if err := os.Remove(s.path(folder, entry.Name())); err != nil {
					return false, err
				}
			}
		}
	}
	whole = true
	for _, id := range s.ids(filesFolder) {
		f, err := s.file(id)
		if err != nil {
			whole = false
			s.log.Warn("a file of the Batch API is left out: "+unreadableRecord, "record", s.path(filesFolder, id+".json"), "error", err)
			continue
		}
		s.uses[f.Content]++
	}
	for _, id := range s.ids(batchesFolder) {
		b, err := s.batch(id)
		if err != nil {
			whole = false
			s.log.Warn("a batch of the Batch API is left out: "+unreadableRecord, "record", s.path(batchesFolder, id+".json"), "error", err)
			continue
		}
		if !b.Status.ended() {
			s.uses[b.Content]++
		}
	}
	return whole, nil
}

// unreadableRecord is what is said of a record that was damaged.
const unreadableRecord = "its record cannot be read; restore it, or remove it"

func (s *storage) path(names ...string) string {
	return filepath.Join(append([]string{s.folder}, names...)...)
}

// ids returns the ids of all records in a folder, the newest last.
func (s *storage) ids(folder string) (ids []string) {
	entries, err := os.ReadDir(s.path(folder))
	if err != nil {
		return nil // It was there when the storage was opened.
	}
	for _, entry := range entries {
		if id, is := strings.CutSuffix(entry.Name(), ".json"); is && idPattern.MatchString(id) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

var (
	// errNoRecord means that there is no record of an id,
	errNoRecord = errors.New("there is no record")
	// and errUnreadable that it was damaged. Those of others are shown, and continue.
	errUnreadable = errors.New("cannot read the record")
)

// read reads a record; own is its id.
func (s *storage) read(folder, id string, into any, own *string) error {
	data, err := os.ReadFile(s.path(folder, id+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		return errNoRecord
	}
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err == nil && *own != id {
		err = fmt.Errorf("it is that of %q", *own)
	}
	if err != nil {
		return fmt.Errorf("%w of %s: %w", errUnreadable, id, err)
	}
	return nil
}

func (s *storage) write(folder, id string, record any) error {
	data, err := json.Marshal(record)
	if err == nil {
		err = home.WriteAtomic(s.path(folder, id+".json"), append(data, '\n'))
	}
	if err == nil {
		err = syncFolder(s.path(folder))
	}
	if err != nil {
		return fmt.Errorf("cannot store %s: %w", id, err)
	}
	return nil
}

// syncFolder makes changes of the names in a folder survive a power failure.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// release notes that a record no longer needs a content. The caller holds mu.
func (s *storage) release(content string) error {
	if s.uses[content]--; s.uses[content] > 0 {
		return nil
	}
	delete(s.uses, content)
	return os.Remove(s.path(contentFolder, content))
}

// file returns the record of a file that has not expired, or errNoRecord.
func (s *storage) file(id string) (*file, error) {
	f := &file{}
	if !isID(filePrefix, id) {
		return nil, errNoRecord
	}
	return f, s.read(filesFolder, id, f, &f.ID)
}

// add stores a file whose content is in a temporary file, which it takes away. A file of the same id is replaced: it was written by a
// process that was killed, and has the same content.
func (s *storage) add(f *file, temporary string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := os.Rename(temporary, s.path(contentFolder, f.Content))
	if err == nil {
		err = syncFolder(s.path(contentFolder))
	}
	if err != nil {
		return fmt.Errorf("cannot store %s: %w", f.ID, err)
	}
	_, known := s.file(f.ID)
	if err := s.write(filesFolder, f.ID, f); err != nil {
		return err
	}
	if known != nil {
		s.uses[f.Content]++
	}
	return nil
}

// remove removes a file; errNoRecord if there is none.
func (s *storage) remove(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.file(id)
	if err == nil {
		err = os.Remove(s.path(filesFolder, id+".json"))
	}
	if err != nil {
		return err
	}
	return s.release(f.Content)
}

// batch returns the record of a batch, or errNoRecord.
func (s *storage) batch(id string) (*record, error) {
	b := &record{}
	if !isID(batchPrefix, id) {
		return nil, errNoRecord
	}
	return b, s.read(batchesFolder, id, b, &b.ID)
}

// create stores a batch of a file, whose content stays until the batch has ended.
func (s *storage) create(b *record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.file(b.InputFile) // It may have been deleted meanwhile.
	if err != nil {
		return err
	}
	b.Content, b.Filename = f.Content, f.Filename
	if err := s.write(batchesFolder, b.ID, b); err != nil {
		return err
	}
	s.uses[b.Content]++
	return nil
}

// update changes a batch, and returns it. An error of change leaves it as it is.
func (s *storage) update(id string, change func(*record) error) (*record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.batch(id)
	if err != nil {
		return nil, err
	}
	ended := b.Status.ended()
	if err := change(b); err != nil {
		return nil, err
	}
	if err := s.write(batchesFolder, id, b); err != nil {
		return nil, err
	}
	if !ended && b.Status.ended() {
		err = s.release(b.Content)
	}
	return b, err
}

// forget removes the record of a batch that has ended.
func (s *storage) forget(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return os.Remove(s.path(batchesFolder, id+".json"))
}
