package cli

import (
	"context"
	"errors"

	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
	"github.com/gleitzeit/gleitzeit/worker"
)

// begin goes on with an open run of an equal plan, unless another one is wanted, or starts one.
func (h *host) begin(ctx context.Context, p *plan.Plan, another, kept bool) (string, error) {
	if err := h.ready(); err != nil {
		return "", err
	}
	h.starting.Lock()
	defer h.starting.Unlock()
	wanted, err := claimFor(p)
	if err != nil {
		return "", err
	}
	wanted.Command = hostCommand
	if !another {
		open, err := h.find(ctx, wanted)
		if err != nil {
			return "", err
		}
		if open != nil {
			if !open.open {
				return open.claim.Run, nil
			}
			h.program.say("going on with run %s", open.claim.Run)
			return open.claim.Run, h.adopt(open)
		}
	}
	if found, err := h.session.lookUpClaim(ctx, wanted); err != nil {
		return "", err
	} else if found != nil && found.open {
		return "", stillOpen(wanted.Run)
	}
	return wanted.Run, h.start(ctx, wanted, p, kept)
}

// find looks for a run of the claim's plan that is open and not being cancelled, or that has ended after its process had
// died: its results are news.
func (h *host) find(ctx context.Context, wanted home.Claim) (*claimedRun, error) {
	claims, err := h.session.home.Claims()
	if err != nil {
		return nil, err
	}
	for _, claim := range claims {
		if claim.File != wanted.File || claim.PlanHash != wanted.PlanHash {
			continue
		}
		found, err := h.session.lookUpClaim(ctx, claim)
		if err != nil {
			return nil, err
		}
		switch {
		case found == nil || found.stopping:
		case found.open:
			return found, nil
		default:
			news, err := h.news(ctx, claim)
			if err != nil {
				return nil, err
			}
			if news {
				return found, nil
			}
		}
	}
	return nil, nil
}

// news tells whether nobody was told how a run has ended, and removes its claim. A run that somebody ended is no news.
func (h *host) news(ctx context.Context, claim home.Claim) (bool, error) {
	held, err := h.session.home.Claim(claim)
	if errors.Is(err, home.ErrClaimed) {
		return false, nil // Its process lives, and tells it.
	}
	if err != nil {
		return false, err
	}
	document, err := h.session.document(ctx, claim.Run)
	if err != nil {
		return false, errors.Join(err, held.Release(false))
	}
	return document != nil && document.FinishedAt != nil && document.Status != protocol.Cancelled, held.Release(true)
}

// start claims a run before it starts, so that a kill in between leaves nothing that nobody executes.
func (h *host) start(ctx context.Context, wanted home.Claim, p *plan.Plan, kept bool) error {
	held, err := h.session.home.Claim(wanted)
	if errors.Is(err, home.ErrClaimed) {
		return stillOpen(wanted.Run)
	}
	if err != nil {
		return err
	}
	run := &hosted{claim: wanted, kept: kept, total: len(p.Tasks)}
	serving, giveUp := context.WithCancelCause(h.living)
	w := h.worker(run, giveUp)
	err = w.Start()
	if err == nil {
		started, failed := worker.Run(ctx, h.session.client, wanted.Run, p, worker.Options{Queue: wanted.Queue, Local: true})
		if err = failed; err == nil {
			run.runID = started.GetRunID()
		}
	}
	if err != nil {
		giveUp(err)
		if trouble := h.session.trouble(); trouble != nil {
			err = trouble // Of a full disk, say, the client hears no more than that nothing answers in time.
		} else {
			err = protocol.Errorf(protocol.EngineUnreachable, "the run cannot be started: %s", err)
		}
		go h.stop(w, run)
		// The claim stays, as after a kill: the run may have started, although nobody heard of it.
		return errors.Join(err, held.Release(false))
	}
	h.program.say("run %s", wanted.Run)
	h.put(run)
	go h.execute(serving, giveUp, w, held, run)
	return nil
}
