// Package backup copies a home that is in use to one file, and makes a home of such a file. It must not know what is in the
// databases.
package backup

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/sqlitefile"
)

// The files of a backup. It has no others, and none of the keys and tokens of the home, which are made anew.
const (
	manifestFile = "manifest.json"
	engineFile   = "engine.db"
	resultsFile  = "results.db"
	claimsFile   = "claims.json"
	configFile   = "config.yaml"
)

// format is the version of the file. A program reads older versions.
const format = 1

// Manifest describes a backup.
type Manifest struct {
	Format    int       `json:"format"`
	CreatedAt time.Time `json:"created_at"`
	Home      string    `json:"home"`  // Of which it is.
	Store     string    `json:"store"` // The file of the result store.
	Files     []File    `json:"files"`
}

// File is a file of a backup.
type File struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Create writes a backup of a home that may be in use, and of its result store, to a file. The file gets its name when it is
// complete; an existing one is replaced.
func Create(ctx context.Context, h *home.Home, store, file string) (manifest *Manifest, err error) {
	file, err = filepath.Abs(file)
	if err != nil {
		return nil, failed("write", file, err)
	}
	staging, err := os.MkdirTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
	if err != nil {
		return nil, failed("write", file, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(staging)) }()
	m := &Manifest{Format: format, CreatedAt: time.Now().UTC(), Home: h.Path, Store: store, Files: []File{}}
	if err := collect(ctx, h, store, staging); err != nil {
		return nil, failed("write", file, err)
	}
	whole := filepath.Join(staging, "backup.zip")
	if err := pack(ctx, m, staging, whole); err != nil {
		return nil, failed("write", file, err)
	}
	if err := os.Rename(whole, file); err != nil {
		return nil, failed("write", file, err)
	}
	return m, syncFolder(filepath.Dir(file))
}

// collect copies the files of a home. The engine is copied before the store: its histories refer to values in the store, which
// has them before. So the store may know more than the engine, a result whose task is then run again, and never less. Claims
// are read before and after the engine's copy is fixed: a run that it has was claimed at one of these moments.
func collect(ctx context.Context, h *home.Home, store, to string) error {
	claims := map[string]home.Claim{}
	note := func() error {
		found, err := h.Claims()
		for _, claim := range found {
			claims[claim.Run] = claim
		}
		return err
	}
	if err := note(); err != nil {
		return err
	}
	if err := copyDatabase(ctx, h.EngineDB(), filepath.Join(to, engineFile), note); err != nil {
		return err
	}
	if err := copyDatabase(ctx, store, filepath.Join(to, resultsFile), func() error { return nil }); err != nil {
		return err
	}
	all := []home.Claim{}
	for _, claim := range claims {
		all = append(all, claim)
	}
	slices.SortFunc(all, func(a, b home.Claim) int { return a.StartedAt.Compare(b.StartedAt) })
	data, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(to, claimsFile), data, 0o600); err != nil {
		return err
	}
	config, err := os.ReadFile(h.Config())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(to, configFile), config, 0o600)
}

// copyDatabase copies a database; a home may have none yet.
func copyDatabase(ctx context.Context, from, to string, snapshot func() error) (err error) {
	if _, err := os.Stat(from); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	file, err := sqlitefile.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return file.Copy(ctx, to, snapshot)
}

// pack makes one file of those in a folder.
func pack(ctx context.Context, m *Manifest, from, to string) (err error) {
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	archive := zip.NewWriter(out)
	for _, name := range names() {
		added, err := add(ctx, archive, filepath.Join(from, name), name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		m.Files = append(m.Files, added)
	}
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	entry, err := archive.Create(manifestFile)
	if err != nil {
		return err
	}
	if _, err := entry.Write(data); err != nil {
		return err
	}
	return errors.Join(archive.Close(), out.Sync())
}

func names() []string { return []string{engineFile, resultsFile, claimsFile, configFile} }

func add(ctx context.Context, archive *zip.Writer, path, name string) (added File, err error) {
	in, err := os.Open(path)
	if err != nil {
		return added, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	entry, err := archive.Create(name)
	if err != nil {
		return added, err
	}
	hash := sha256.New()
	size, err := io.Copy(io.MultiWriter(entry, hash), reading{ctx, in})
	return File{name, size, hex.EncodeToString(hash.Sum(nil))}, err
}

// reading is a reader that ends with a context.
type reading struct {
	ctx  context.Context
	from io.Reader
}

func (r reading) Read(data []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.from.Read(data)
}

// syncFolder makes a new name in a folder survive a loss of power.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

func failed(what, file string, err error) error {
	if known, is := errors.AsType[*protocol.Error](err); is {
		return known
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	return protocol.Errorf(protocol.ConfigurationError, "cannot %s the backup %q: %v", what, file, err).WithCause(err).
		WithHint("check the file, its folder and the free space of the disk")
}
