package backup

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// maxManifest bounds what is read before anything is checked.
const maxManifest = 1 << 20

// Restored is a home that was made of a backup.
type Restored struct {
	Manifest
	Former string `json:"former,omitempty"` // Where what was in the home folder is now; empty if there was nothing.
}

// Restore makes a home folder of a backup. The folder appears at once when everything is in it and checked: a kill leaves what
// was there, or at most nothing at the path. A folder that is not empty is only replaced with force, and then kept under
// another name; one that is in use is not.
func Restore(ctx context.Context, file, path string, force bool) (restored *Restored, err error) {
	if path, err = resolved(path); err != nil {
		return nil, failed("restore", file, err)
	}
	empty, err := home.IsEmpty(path)
	if err != nil {
		return nil, failed("restore", file, err)
	}
	if !empty && !force {
		return nil, protocol.Errorf(protocol.ConfigurationError, "the home folder %q is not empty", path).
			WithHint("restore into another one with --home, or use --force: it keeps the folder under another name")
	}
	if !empty {
		release, err := (&home.Home{Path: path}).Hold()
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, release()) }()
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, failed("restore", file, err)
	}
	staging, err := os.MkdirTemp(filepath.Dir(path), "."+filepath.Base(path)+".restore-*")
	if err != nil {
		return nil, failed("restore", file, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(staging)) }() // After the rename it does not exist.
	manifest, err := unpack(ctx, file, staging)
	if err != nil {
		return nil, failed("restore", file, err)
	}
	former, err := replace(path, staging, empty)
	if err != nil {
		return nil, failed("restore", file, err)
	}
	return &Restored{*manifest, former}, nil
}

// resolved returns the folder that a path leads to, which may not exist yet.
func resolved(path string) (string, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(absolute); err == nil {
		return real, nil
	}
	return absolute, nil
}

// replace gives the staged folder the path. A folder that is not empty gets another name before.
func replace(path, staging string, empty bool) (former string, err error) {
	if empty {
		// Rename does not replace a folder everywhere, even an empty one.
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	} else {
		former = path + ".before-restore-" + time.Now().UTC().Format("20060102T150405.000Z")
		if err := os.Rename(path, former); err != nil {
			return "", err
		}
	}
	if err := os.Rename(staging, path); err != nil {
		if former != "" {
			err = errors.Join(err, os.Rename(former, path))
		}
		return "", err
	}
	return former, syncFolder(filepath.Dir(path))
}

// unpack writes the files of a backup to a folder, and checks them.
func unpack(ctx context.Context, file, to string) (m *Manifest, err error) {
	archive, err := zip.OpenReader(file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, archive.Close()) }()
	m, err = readManifest(&archive.Reader)
	if err != nil {
		return nil, err
	}
	for _, f := range m.Files {
		if err := extract(ctx, &archive.Reader, f, filepath.Join(to, f.Name)); err != nil {
			return nil, fmt.Errorf("%q: %w", f.Name, err)
		}
	}
	return m, restoreClaims(to)
}

func readManifest(archive *zip.Reader) (m *Manifest, err error) {
	in, err := archive.Open(manifestFile)
	if err != nil {
		return nil, errors.New("it has no manifest: it is not a backup, or not a whole one")
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	data, err := io.ReadAll(io.LimitReader(in, maxManifest))
	if err != nil {
		return nil, err
	}
	m = &Manifest{}
	if err := json.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("invalid manifest: %w", err)
	}
	if m.Format < 1 || m.Format > format {
		return nil, fmt.Errorf("it has format %d, and this program reads formats up to %d", m.Format, format)
	}
	// Names decide where files are written: only those that a backup has are taken, each once.
	expected := names()
	for _, f := range m.Files {
		at := slices.Index(expected, f.Name)
		if at < 0 {
			return nil, fmt.Errorf("unexpected file %q", f.Name)
		}
		expected = slices.Delete(expected, at, at+1)
	}
	if len(archive.File) != len(m.Files)+1 {
		return nil, errors.New("it has files that are not in its manifest, or not all of them")
	}
	return m, nil
}

// extract writes a file, and checks that it is the one of the manifest.
func extract(ctx context.Context, archive *zip.Reader, f File, to string) (err error) {
	in, err := archive.Open(f.Name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	hash := sha256.New()
	size, err := io.Copy(io.MultiWriter(out, hash), io.LimitReader(reading{ctx, in}, f.Size+1))
	if err != nil {
		return err
	}
	if size != f.Size || hex.EncodeToString(hash.Sum(nil)) != f.SHA256 {
		return errors.New("its checksum does not match the manifest: the backup is damaged")
	}
	return out.Sync()
}

// restoreClaims makes the claims of a home from their file.
func restoreClaims(folder string) error {
	path := filepath.Join(folder, claimsFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var claims []home.Claim
	if err := json.Unmarshal(data, &claims); err != nil {
		return fmt.Errorf("invalid claims: %w", err)
	}
	to, err := home.Open(folder)
	if err != nil {
		return err
	}
	for _, claim := range claims {
		held, err := to.Claim(claim)
		if err != nil {
			return err
		}
		if err := held.Release(false); err != nil {
			return err
		}
	}
	return os.Remove(path)
}
