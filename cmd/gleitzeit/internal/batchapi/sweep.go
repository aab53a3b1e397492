package batchapi

import (
	"errors"
	"time"
)

// sweepEvery is how often expired files are removed.
const sweepEvery = time.Minute

// sweep removes files that have expired, and what is older than the retention, until the server stops.
func (s *batches) sweep() {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		if err := s.removeOld(); err != nil {
			s.options.Log.Error("cannot remove expired files of the Batch API", "error", err)
		}
		select {
		case <-s.living.Done():
			return
		case <-ticker.C:
		}
	}
}

func (s *batches) removeOld() error {
	var failed error
	old := func(at int64) bool {
		return s.options.Retention > 0 && time.Since(time.Unix(at, 0)) > s.options.Retention
	}
	for _, id := range s.storage.ids(filesFolder) {
		f, err := s.storage.file(id)
		if err == nil && (f.expired() || old(f.CreatedAt)) {
			err = s.storage.remove(id)
		}
		failed = errors.Join(failed, ignoreMissing(err))
	}
	for _, id := range s.storage.ids(batchesFolder) {
		b, err := s.storage.batch(id)
		if err == nil && b.Status.ended() && old(time.Unix(0, b.Moved).Unix()) {
			err = s.storage.forget(id)
		}
		failed = errors.Join(failed, ignoreMissing(err))
	}
	return failed
}
