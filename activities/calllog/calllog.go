// Package calllog collects what an attempt sends and what its script prints, without secrets and within limits.
package calllog

import (
	"bytes"
	"encoding/json"
	"sync"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/redaction"
)

const (
	// mostSent is how many requests of an attempt are logged.
	mostSent = 50
	// mergeWithin is the time in which what a script prints to one stream is one event.
	mergeWithin = 100 * time.Millisecond
	// longestPartial is the length in bytes of the longest line that waits for its end: the lines of two streams are not mixed.
	longestPartial = 4 << 10
	// mostPrinted is how many such events there are at most; the last ones are kept.
	mostPrinted = 1000
	// largestSent is the size in bytes of the largest text of which a part is logged: it is redacted as a whole before it is cut.
	largestSent = 4 << 20
	// ofLeft is the share of what is left that one text may take, so that something is left for the next.
	ofLeft = 0.75
	// ofHead is the share of a text that was cut which is its beginning.
	ofHead = 0.7
)

// Log collects the protocol.CallLog of an attempt. The handler may call it after the attempt was given up.
type Log struct {
	secrets *redaction.Set

	mu        sync.Mutex
	started   time.Time
	sent      []protocol.LogEvent
	left      int // Bytes that may be logged of what is sent.
	unsent    int
	before    []protocol.SentMessage // Those of the last request, as they were sent.
	printed   []printedText
	bytes     int // Of what is kept of what was printed,
	most      int // and how many these may be.
	unprinted protocol.Unprinted
	partial   [2][]byte // The line of each stream that has not ended.
}

// printedText is what a script has printed to one stream at about one time.
type printedText struct {
	at     time.Time
	stderr bool
	text   []byte
}

// New returns a log of an attempt that starts now. Items, of which there are many, have a smaller one.
func New(secrets *redaction.Set, isItem bool) *Log {
	l := &Log{secrets: secrets, started: time.Now().UTC(), left: protocol.MaxLogSent, most: protocol.MaxLogPrinted}
	if isItem {
		l.left, l.most = protocol.MaxItemLogSent, protocol.MaxItemLogPrinted
	}
	return l
}

// Sent logs a request. Of a conversation that goes on, what was sent before is not repeated.
func (l *Log) Sent(request protocol.Sent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	whole := request.Messages
	for request.Tool == "" && request.Again < min(len(l.before), len(whole)) && whole[request.Again] == l.before[request.Again] {
		request.Again++
	}
	if request.Tool == "" { // A tool is called within a conversation.
		l.before = whole
	}
	if l.left <= 0 || len(l.sent) == mostSent {
		l.unsent++
		return
	}
	request.Messages = []protocol.SentMessage{}
	for _, message := range whole[request.Again:] {
		request.Messages = append(request.Messages, l.limited(message))
	}
	request.Server = l.secrets.String(request.Server)
	l.sent = append(l.sent, protocol.LogEvent{At: time.Now().UTC(), Sent: &request})
}

// limited returns a message without secrets, and with the beginning and the end of its text if that is too long.
func (l *Log) limited(m protocol.SentMessage) protocol.SentMessage {
	if len(m.Text) > largestSent {
		m.Text, m.Bytes = "", len(m.Text)
		return m
	}
	clean := l.secrets.Text(m.Text)
	most := int(float64(l.left) * ofLeft)
	text, cut := clean.First(most)
	if cut {
		head := int(float64(most) * ofHead)
		text, _ = clean.First(head)
		m.Tail, m.Bytes = clean.Last(most-head), len(clean.String())
	}
	m.Text = text
	l.left -= len(m.Text) + len(m.Tail)
	return m
}

// Print logs what a script prints, without secrets. Of much, the end is kept.
func (l *Log) Print(text string, stderr bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	held := &l.partial[0]
	if stderr {
		held = &l.partial[1]
	}
	*held = append(*held, text...)
	end := bytes.LastIndexByte(*held, '\n') + 1
	if end == 0 && len(*held) > longestPartial {
		end = len(*held)
	}
	if end > 0 {
		l.add((*held)[:end], stderr)
		*held = bytes.Clone((*held)[end:])
	}
}

// add adds text to what is printed.
func (l *Log) add(text []byte, stderr bool) {
	now := time.Now().UTC()
	if n := len(l.printed); n > 0 && l.printed[n-1].stderr == stderr && now.Sub(l.printed[n-1].at) < mergeWithin {
		l.printed[n-1].text = append(l.printed[n-1].text, text...)
	} else {
		l.printed = append(l.printed, printedText{now, stderr, bytes.Clone(text)})
	}
	l.bytes += len(text)
	for l.bytes > l.most || len(l.printed) > mostPrinted {
		first := &l.printed[0]
		dropped := len(first.text)
		if over := l.bytes - l.most; over < dropped && len(l.printed) <= mostPrinted {
			dropped = endOfLine(first.text, over)
		}
		first.text = first.text[dropped:]
		l.bytes -= dropped
		*l.unprinted.Of(first.stderr) += dropped
		if len(first.text) == 0 {
			l.printed = l.printed[1:]
		}
	}
}

// endOfLine returns the place after the line that has the byte before a place in a text.
func endOfLine(text []byte, at int) int {
	for ; at < len(text); at++ {
		if text[at-1] == '\n' {
			break
		}
	}
	return at
}

// Data returns the log as the result store has it; nil if nothing was sent or printed.
func (l *Log) Data() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, rest := range l.partial {
		if len(rest) > 0 {
			l.add(rest, i == 1)
		}
	}
	l.partial = [2][]byte{}
	if len(l.sent) == 0 && len(l.printed) == 0 {
		return nil
	}
	log := protocol.CallLog{StartedAt: l.started, Events: []protocol.LogEvent{}, Unsent: l.unsent, Unprinted: l.unprinted}
	sent := l.sent
	for _, p := range l.printed {
		for len(sent) > 0 && sent[0].At.Before(p.at) {
			log.Events, sent = append(log.Events, sent[0]), sent[1:]
		}
		log.Events = append(log.Events, protocol.LogEvent{At: p.at, Stderr: p.stderr, Text: string(p.text)})
	}
	log.Events = append(log.Events, sent...)
	data, err := json.Marshal(log)
	if err != nil {
		return nil // It has nothing that JSON does not have.
	}
	return data
}
